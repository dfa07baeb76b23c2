//! The command line: one file per command, and the only place that knows the terminal.

mod allow;
mod apply;
mod apply_cloud;
mod ask;
mod candidates;
mod cloud;
mod completions;
mod context;
mod creds;
mod destroy;
mod destroy_cloud;
mod doctor;
mod exit;
mod failure;
mod forecast_text;
mod foreground;
mod graph;
mod keys;
mod layered_view;
mod layers;
mod lint;
mod lint_file;
mod logs;
mod lookup;
mod man;
mod nats;
mod node;
mod output;
mod paint;
mod plan;
mod plan_cloud;
mod plan_markdown;
mod plan_view;
mod policy;
mod private_files;
mod progress;
mod reach;
mod reason;
mod render;
mod saved_plan;
mod schema;
mod services;
mod shown;
mod status;
mod streams;
mod subjects;
mod tables;
mod tunnel;
mod validate;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::CompleteEnv;

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
  natsops lint local                  what would an expert object to?
  natsops plan local                  what would an apply do?
  natsops apply local                 do it, and prove it
  natsops creds export local SERVICE --out DIR
                                      what a client of SERVICE needs

Exit codes:
  0 done or in sync    1 failed                 2 changes pending (plan --detailed-exitcode),
                                                or keys due (keys list --due)
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
    Lint(lint::Args),
    Render(render::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    Logs(logs::Args),
    Creds(creds::Args),
    Keys(keys::Args),
    Destroy(destroy::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
    Subjects(subjects::Args),
    Services(services::Args),
    Streams(streams::Args),
    Graph(graph::Args),
    Policy(policy::Args),
    Nats(nats::Args),
    Node(node::Args),
    Output(output::Args),
}

/// Runs the program, and gives its exit code.
pub fn main() -> ExitCode {
    // When a shell asks what could stand where the cursor is, this answers and ends the program.
    CompleteEnv::with_factory(Cli::command).var(completions::VARIABLE).complete();
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
    let json = cli.global.json;
    // Only commands about an environment need a project.
    let context = || Context::new(cli.global);
    match cli.command {
        Command::Validate(args) => validate::run(&context()?, &args),
        Command::Lint(args) => match lint::run_anywhere(&args, json) {
            Some(outcome) => outcome,
            None => lint::run(&context()?, &args),
        },
        Command::Render(args) => render::run(&context()?, &args),
        Command::Plan(args) => plan::run(&context()?, &args),
        Command::Apply(args) => apply::run(&context()?, &args),
        Command::Status(args) => status::run(&context()?, &args),
        Command::Doctor(args) => doctor::run(&context()?, &args),
        Command::Logs(args) => logs::run(&context()?, &args),
        Command::Creds(args) => creds::run(&context()?, &args),
        Command::Keys(args) => keys::run(&context()?, &args),
        Command::Destroy(args) => destroy::run(&context()?, &args),
        Command::Subjects(args) => match args.run_anywhere(json) {
            Some(outcome) => outcome,
            None => subjects::run(&context()?, &args),
        },
        Command::Services(args) => services::run(&context()?, &args),
        Command::Streams(args) => streams::run(&context()?, &args),
        Command::Graph(args) => graph::run(&context()?, &args),
        Command::Policy(args) => policy::run(&context()?, &args),
        Command::Nats(args) => nats::run(&context()?, &args),
        Command::Node(args) => node::run(&context()?, &args),
        Command::Output(args) => output::run(&context()?, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args, json),
    }
}
