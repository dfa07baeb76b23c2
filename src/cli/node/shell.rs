//! `natsops node shell ENV NODE`

use std::os::unix::process::ExitStatusExt as _;

use crate::cli::cloud::{Cloud, on_aws};
use crate::cli::context::{Context, block_on};
use crate::cli::failure::Failure;
use crate::cli::tunnel::{end, permitted};
use crate::cli::{candidates, exit, lookup};
use crate::provider::aws::{Plugin, Purpose};

/// Open a shell on a node's machine (environments on AWS)
///
/// Through a session of Systems Manager and AWS's session-manager-plugin: no port is open for it, and AWS logs who came. It
/// takes the policies plan and operate. What is done by hand there, natsops does not know.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The node
    #[arg(value_name = "NODE", add = candidates::nodes())]
    node: String,
}

/// Runs it; gives the session's own exit code.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let Args { environment, node } = args;
    let Some(cluster) = on_aws(context, environment)? else {
        let what = format!("{node} of {environment} is a process of this machine");
        return Err(Failure::new(exit::USAGE, what)
            .safe("nothing was changed")
            .next(format!("natsops logs {environment} {node}")));
    };
    let cloud = Cloud::open(cluster)?;
    let name = lookup::node(&cloud.cluster, node)?.name.as_str();
    let program = Plugin::find().map_err(|reason| {
        let what = format!("a shell on {name} needs AWS's session-manager-plugin, and {reason}");
        let status = format!("natsops node run {environment} {name} status");
        Failure::new(exit::FAILED, what)
            .safe("nothing was changed")
            .next(format!("install session-manager-plugin; without it, {status} tells how it is"))
    })?;
    let session = block_on(async |_| {
        let platform = cloud.provider().await?;
        let machine = platform.running(name).await?;
        Ok(platform.begin_session(&machine, Purpose::Shell).await?)
    });
    let session = session.map_err(|failure| permitted(&cloud, failure))?;
    // Since the first call, Ctrl-C does not end this program any more: it is for the shell.
    let status = program.join(&session).status();
    end(&cloud, &session)?;
    let status = status?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILED))
}
