//! `natsops graph ENV`

use std::path::PathBuf;

use anstream::{eprintln, print, println};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::{exit, paint};
use crate::graph::{View, draw, mermaid, svg};

/// Draw an environment: its messaging contract, or where it runs
///
/// Mermaid is text that documents embed; SVG is a picture that is laid out here.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// What to draw
    #[arg(long, value_enum, default_value = "contract")]
    view: ViewName,
    /// As what (that of the file's name by default, otherwise mermaid)
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The file to write (stdout by default)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ViewName {
    /// Services by account, with subjects and streams
    Contract,
    /// Zones, nodes, load balancer and cache
    Topology,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Text for Mermaid
    Mermaid,
    /// A picture
    Svg,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let cluster = context.cluster(&args.environment)?;
    let view = match args.view {
        ViewName::Contract => View::Contract,
        ViewName::Topology => View::Topology,
    };
    let format = args.format.unwrap_or_else(|| of_name(args));
    let (name, text) = match format {
        Format::Mermaid => ("mermaid", mermaid(&cluster, view)),
        Format::Svg => ("svg", svg(&draw(&cluster, view))),
    };
    if let Some(path) = &args.out {
        fs_err::write(path, &text)?;
    }
    if context.json {
        let shown = args.out.is_none().then_some(&text);
        let value = json!({
            "format": 1, "environment": args.environment, "kind": name, "file": args.out, "drawing": shown,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    match &args.out {
        Some(path) => eprintln!("{} {}", paint::good("wrote"), path.display()),
        None => print!("{text}"),
    }
    Ok(exit::DONE)
}

fn of_name(args: &Args) -> Format {
    let end = args.out.as_ref().and_then(|path| path.extension());
    if end.is_some_and(|end| end == "svg") { Format::Svg } else { Format::Mermaid }
}
