//! `natsops nats ENV -- COMMAND`

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use super::cloud::{Cloud, on_aws};
use super::context::Context;
use super::failure::Failure;
use super::foreground::Foreground;
use super::keys::Vault;
use super::private_files::write_private_files;
use super::tunnel::{Tunnel, is_direct};
use super::{candidates, exit, lookup};
use crate::artifacts::{BundleFile, client_files, own_files};
use crate::model::{OWN_ROLE, SYSTEM_ACCOUNT};
use crate::render::nats_context_of;
use crate::secrets::{OsEntropy, write_private};

/// Run another tool with a way into the cluster
///
/// The tool finds addresses and files in NATS_URL, NATS_CREDS, NATS_CERT, NATS_KEY, NATS_CA and NATS_INBOX_PREFIX; for the
/// tool `nats`, a context is selected as well. Without --service it signs in as natsops itself, to the system account
/// unless another is named: in SYS it may ask the servers, elsewhere manage streams. That user holds for an hour, and is in
/// no store. The files are removed when the tool has ended, also by Ctrl-C. On AWS, where the servers can't be reached from here, the way leads
/// through a session of Systems Manager, which takes AWS's session-manager-plugin and the policies plan and operate.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  natsops nats local -- nats server report jetstream
  natsops nats local --account GAME -- nats stream ls
  natsops nats local --service wallet -- sh             a shell in which clients find their way in")]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV", add = candidates::environments())]
    environment: String,
    /// The account to sign in to, as natsops
    #[arg(long, value_name = "ACCOUNT", default_value = SYSTEM_ACCOUNT)]
    account: String,
    /// Sign in as this service instead, with its own creds and certificate
    #[arg(long, value_name = "SERVICE", conflicts_with = "account", add = candidates::services())]
    service: Option<String>,
    /// The tool and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs it; gives the tool's own exit code.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let vault = Vault::open(context, &args.environment)?;
    let (files, inbox) = files(&vault, args)?;
    // Whoever ends the tool does not end this program before it has removed the files.
    let foreground = Foreground::begin()?;
    let folder = tempfile::tempdir()?;
    write_private_files(folder.path(), &files)?;
    let tunnel = tunnel(context, &args.environment)?;
    let direct = || vault.cluster.client_urls().join(",");
    let url = tunnel.as_ref().map_or_else(direct, Tunnel::url);
    let status = start(foreground, args, folder.path(), (&url, &inbox));
    if let Some(tunnel) = tunnel {
        tunnel.close();
    }
    let status = status?;
    // A tool that a signal has ended has no code of its own; shells count from 128 then.
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILED))
}

/// On AWS, where the servers can't be reached from here, a way through a session of Systems Manager.
fn tunnel(context: &Context, environment: &str) -> Result<Option<Tunnel>, Failure> {
    let Some(cluster) = on_aws(context, environment)? else {
        return Ok(None);
    };
    if is_direct(&cluster) { Ok(None) } else { Tunnel::open(Cloud::open(cluster)?).map(Some) }
}

/// What the tool signs in with, and the prefix of its inboxes.
fn files(vault: &Vault, args: &Args) -> Result<(Vec<BundleFile>, String), Failure> {
    let (cluster, index) = (&vault.cluster, vault.store.index()?);
    if let Some(name) = &args.service {
        let service = lookup::service(cluster, name)?;
        let files = client_files(cluster, service, &index, &*vault.store)?;
        return Ok((files, service.inbox_prefix()));
    }
    if args.account != SYSTEM_ACCOUNT {
        lookup::account(cluster, &args.account)?;
    }
    let now = jiff::Timestamp::now();
    let files = own_files(&args.account, &index, &*vault.store, &OsEntropy, now)?;
    Ok((files, format!("_INBOX.{OWN_ROLE}")))
}

fn start(
    foreground: Foreground,
    args: &Args,
    folder: &Path,
    (url, inbox): (&str, &str),
) -> Result<ExitStatus, Failure> {
    let [program, arguments @ ..] = &args.command[..] else {
        return Err(Failure::new(exit::USAGE, "the command is missing"));
    };
    let mut command = std::process::Command::new(program);
    command.args(arguments).env("NATS_URL", url);
    command.env("NATS_INBOX_PREFIX", inbox);
    for (variable, file) in [
        ("NATS_CREDS", "user.creds"),
        ("NATS_CERT", "client.pem"),
        ("NATS_KEY", "client.key"),
        ("NATS_CA", "ca.pem"),
    ] {
        command.env(variable, folder.join(file));
    }
    // It takes the prefix of inboxes from a context alone, and looks for contexts below this folder.
    if Path::new(program).file_name().is_some_and(|name| name == "nats") {
        let contexts = folder.join("nats/context");
        fs_err::create_dir_all(&contexts)?;
        let text = nats_context_of(url.to_owned(), "natsops", inbox, folder);
        write_private(&contexts.join("natsops.json"), text.as_bytes())?;
        command.env("XDG_CONFIG_HOME", folder).env("NATS_CONTEXT", "natsops");
    }
    foreground.run(command).map_err(|error| {
        let what = format!("{} can't be started: {error}", program.display());
        Failure::new(exit::FAILED, what).safe("nothing was changed")
    })
}
