//! `natsops completions SHELL`

use std::io::Write as _;
use std::path::Path;

use clap_complete::env::Shells;

use super::exit;
use super::failure::Failure;

/// Set by the shells' scripts when they ask for completions.
pub const VARIABLE: &str = "NATSOPS_COMPLETE";

/// Print the script that makes a shell complete natsops
///
/// Environments, services, nodes and lints are completed too, as the files of the project say at that moment.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Put one of these where your shell starts:
  source <(natsops completions bash)        ~/.bashrc
  source <(natsops completions zsh)         ~/.zshrc
  natsops completions fish | source         ~/.config/fish/config.fish")]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Runs it.
pub fn run(args: &Args) -> Result<u8, Failure> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
    };
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(name) else {
        return Err(Failure::new(exit::BUG, format!("there is no script for {name}")));
    };
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "natsops", "natsops", &program()?, &mut script)?;
    std::io::stdout().write_all(&script)?;
    Ok(exit::DONE)
}

/// This program as it was called: by its name when PATH leads to it, and wherever it lies otherwise.
fn program() -> Result<String, Failure> {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = Path::new(&called);
    let path = if called.components().count() > 1 {
        std::path::absolute(called)?
    } else {
        called.to_owned()
    };
    Ok(path.to_string_lossy().into_owned())
}
