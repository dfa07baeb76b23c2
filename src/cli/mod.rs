//! The command line: one file per command, and the only place that knows the terminal.

mod apply;
mod ask;
mod context;
mod creds;
mod destroy;
mod doctor;
mod exit;
mod failure;
mod graph;
mod logs;
mod lookup;
mod paint;
mod plan;
mod plan_view;
mod progress;
mod render;
mod services;
mod status;
mod streams;
mod subjects;
mod tables;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use context::{Context, GlobalArgs};
use failure::Failure;

/// From one YAML file to a running, verified, secure NATS cluster
///
/// An environment is a file environments/ENV.yaml; the messaging contract that all environments share
/// lies in environments/catalog/. Nothing is changed before it has been shown, and an interrupted
/// command is continued by running it again.
#[derive(Debug, Parser)]
#[command(
    name = "natsops",
    version,
    after_help = "\
Start here:
  natsops validate local              is the environment well-formed?
  natsops plan local                  what would an apply do?
  natsops apply local                 do it, and prove it
  natsops creds export local SERVICE --out DIR
                                      what a client of SERVICE needs

Exit codes:
  0 done or in sync    1 failed                 2 changes pending (plan --detailed-exitcode)
  3 environment invalid                         4 credentials or permission
  5 refused by a safety check                   6 somebody else is changing the environment
  7 quota or capacity  8 a health check failed  9 timed out, run again
  64 usage             70 a bug in natsops      130 interrupted"
)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Args),
    Render(render::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    Logs(logs::Args),
    Creds(creds::Args),
    Destroy(destroy::Args),
    Subjects(subjects::Args),
    Services(services::Args),
    Streams(streams::Args),
    Graph(graph::Args),
}

/// Runs the program, and gives its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for; everything else is a slip.
            let code = if error.use_stderr() { exit::USAGE } else { exit::DONE };
            // A closed pipe is no reason to fail.
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    let json = cli.global.json;
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.show(json);
            ExitCode::from(failure.code)
        }
    }
}

fn run(cli: Cli) -> Result<u8, Failure> {
    if let Command::Subjects(args) = &cli.command
        && let Some(outcome) = args.run_anywhere(cli.global.json)
    {
        return outcome;
    }
    let context = Context::new(cli.global)?;
    match cli.command {
        Command::Validate(args) => validate::run(&context, &args),
        Command::Render(args) => render::run(&context, &args),
        Command::Plan(args) => plan::run(&context, &args),
        Command::Apply(args) => apply::run(&context, &args),
        Command::Status(args) => status::run(&context, &args),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Logs(args) => logs::run(&context, &args),
        Command::Creds(args) => creds::run(&context, &args),
        Command::Destroy(args) => destroy::run(&context, &args),
        Command::Subjects(args) => subjects::run(&context, &args),
        Command::Services(args) => services::run(&context, &args),
        Command::Streams(args) => streams::run(&context, &args),
        Command::Graph(args) => graph::run(&context, &args),
    }
}
