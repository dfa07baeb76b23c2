//! The `natsops` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    natsops::cli::main()
}
