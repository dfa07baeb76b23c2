# natsops: `make local` for a cluster on this machine, `make test` for every test. Both install what they need.

NATSOPS := target/release/natsops

.PHONY: local tools build check test bench clean

local: tools build ## Start the five-node cluster on this machine, and prove it
	@$(NATSOPS) apply local --yes

tools: ## Fetch nats-server into .tools/
	@.ci/tools server

build: ## Build the program
	@cargo build --release --locked --quiet

check: ## Format, lints and unit tests: the quick one
	@.ci/suites check

test: ## Every test
	@.ci/suites all

bench: tools ## Measure: start-up against a plain loop, signing against raw Ed25519, validate and render
	@cargo build --release --locked --quiet
	@cargo bench --locked --quiet

clean: ## Remove what was built; clusters, keys and tools stay
	@cargo clean
