# natsops: `make local` for a cluster on this machine, `make test` for every test. Both install what they need.

.PHONY: local tools build check test bench rotations boot clean

# The development build is ready in half the time of the optimised one, and `make test` uses it too.
local: tools ## Start the five-node cluster on this machine, and prove it
	@cargo build --locked
	@target/debug/natsops apply local --yes

tools: ## Fetch nats-server into .tools/
	@.ci/tools server

build: ## Build the optimised program, target/release/natsops
	@cargo build --release --locked

check: ## Format, lints and unit tests: the quick one
	@.ci/suites check

test: ## Every test
	@.ci/suites all

bench: tools ## Measure: starts and rolling restarts against a plain loop, signing, pushing against nsc, rotating, validate and render
	@cargo bench --locked --quiet

rotations: tools ## Rotate every kind of key under load, ROTATIONS=10 times and killed at every step; writes docs/rotation-table.md
	@cargo test --locked --quiet --test main -- --ignored --nocapture rotations::

boot: ## Boot machines in software emulation from prod's own user data: a quarter of an hour
	@.ci/tools boot
	@.ci/suites boot

clean: ## Remove what was built; clusters, keys and tools stay
	@cargo clean
