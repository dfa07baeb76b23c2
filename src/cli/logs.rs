//! `natsops logs ENV NODE`

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::time::Duration;

use super::candidates;
use super::cloud::on_aws;
use super::context::Context;
use super::exit;
use super::failure::Failure;
use crate::provider::local::NodeFolder;

/// Show a node's log
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The node
    #[arg(value_name = "NODE", add = candidates::nodes())]
    node: String,
    /// How many lines of the end
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 50)]
    lines: usize,
    /// Go on as the log grows
    #[arg(long, short)]
    follow: bool,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    if on_aws(context, &args.environment)?.is_some() {
        let what = format!("`{}` lives on AWS, where logs are on machines", args.environment);
        return Err(Failure::new(exit::FAILED, what)
            .safe("nothing was changed")
            .next(format!("natsops node logs {} {}", args.environment, args.node)));
    }
    let workplace = context.open_local(&args.environment)?;
    let cluster = &workplace.cluster;
    let cache: Vec<&str> = cluster.redis_nodes().iter().map(|node| node.name.as_str()).collect();
    let mut names: Vec<&str> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    names.extend(&cache);
    if !names.contains(&args.node.as_str()) {
        let what = format!("there is no node `{}`; there are {}", args.node, names.join(", "));
        return Err(Failure::new(exit::USAGE, what));
    }
    let path = workplace.nodes().join(&args.node);
    let folder = match cache.contains(&args.node.as_str()) {
        true => NodeFolder::redis(path),
        false => NodeFolder::new(path),
    };
    let path = folder.log();
    let mut file = std::fs::File::open(&path).map_err(|_| {
        Failure::new(exit::FAILED, format!("{} has no log yet", args.node))
            .next(format!("natsops apply {}", args.environment))
    })?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(args.lines)..];
    if context.json {
        let value = serde_json::json!({ "format": 1, "node": args.node, "lines": shown });
        anstream::println!("{value:#}");
        return Ok(exit::DONE);
    }
    let mut out = std::io::stdout().lock();
    for line in shown {
        writeln!(out, "{line}")?;
    }
    if !args.follow {
        return Ok(exit::DONE);
    }
    loop {
        std::thread::sleep(Duration::from_millis(200));
        // A rotated log begins anew under the same name.
        if std::fs::metadata(&path)?.len() < file.stream_position()? {
            file = std::fs::File::open(&path)?;
            file.seek(SeekFrom::Start(0))?;
        }
        text.clear();
        file.read_to_string(&mut text)?;
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
}
