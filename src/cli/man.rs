//! `natsops man --out DIR`

use std::path::PathBuf;

use anstream::println;
use clap::CommandFactory as _;

use super::failure::Failure;
use super::{Cli, exit};

/// Write a manual page for every command
#[derive(Debug, clap::Args)]
#[command(after_help = "Read one with: man -l DIR/natsops-apply.1")]
pub struct Args {
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What stands at the foot of each page.
const SOURCE: &str = concat!("natsops ", env!("CARGO_PKG_VERSION"));

/// Runs it.
pub fn run(args: &Args, json: bool) -> Result<u8, Failure> {
    fs_err::create_dir_all(&args.out)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut written = Vec::new();
    write(&command, &args.out, &mut written)?;
    written.sort();
    if json {
        println!("{:#}", serde_json::json!({ "format": 1, "files": written }));
        return Ok(exit::DONE);
    }
    for path in &written {
        println!("{}", path.display());
    }
    Ok(exit::DONE)
}

fn write(
    command: &clap::Command,
    out: &std::path::Path,
    written: &mut Vec<PathBuf>,
) -> Result<(), Failure> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write(inner, out, written)?;
    }
    let page = clap_mangen::Man::new(command.clone()).manual("natsops").source(SOURCE);
    written.push(page.generate_to(out)?);
    Ok(())
}
