//! `natsops schema KIND`

use anstream::println;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use super::exit;
use super::failure::Failure;
use super::shown::{AuditShown, KeysShown, PlanShown, RotationShown, StatusShown};
use crate::environment::{catalog_schema, environment_schema};

/// Print a JSON Schema
///
/// Editors complete and check the files of a project by them; scripts learn what --json shows.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of what
    #[arg(value_name = "KIND", value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// A file environments/ENV.yaml
    Environment,
    /// A file of environments/catalog/
    Catalog,
    /// What natsops plan --json shows
    Plan,
    /// What natsops status --json shows
    Status,
    /// What natsops keys list --json shows
    Keys,
    /// What natsops keys rotate --json shows
    Rotation,
    /// What natsops keys audit --json shows
    Audit,
}

/// Runs it.
pub fn run(args: &Args) -> Result<u8, Failure> {
    let schema = match args.kind {
        Kind::Environment => environment_schema(),
        Kind::Catalog => catalog_schema(),
        Kind::Plan => shown::<PlanShown<'_>>(),
        Kind::Status => shown::<StatusShown<'_>>(),
        Kind::Keys => shown::<KeysShown<'_>>(),
        Kind::Rotation => shown::<RotationShown<'_>>(),
        Kind::Audit => shown::<AuditShown<'_>>(),
    };
    println!("{schema:#}");
    Ok(exit::DONE)
}

/// The schema of something that is shown.
fn shown<T: JsonSchema>() -> serde_json::Value {
    let settings = SchemaSettings::draft07().for_serialize();
    settings.into_generator().into_root_schema_for::<T>().to_value()
}
