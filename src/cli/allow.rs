//! What is not done unless it is named on the command line: the same options for `plan` and `apply`.

use serde::{Deserialize, Serialize};

use super::exit;
use super::failure::Failure;
use crate::model::Cluster;
use crate::ops::Allowed;
use crate::plan::{ActionKind, Kind, Permits, Plan, RecordId};

/// What the user allows by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct AllowArgs {
    /// Remove this stream, which the catalog does not have any more, with all of its messages (can be repeated)
    #[arg(long, value_name = "STREAM")]
    remove: Vec<String>,
    /// Make this stream anew, without its messages, where the server can't change it (can be repeated)
    #[arg(long, value_name = "STREAM")]
    replace: Vec<String>,
    /// Restart nodes although something stops meanwhile, such as a stream with one replica
    #[arg(long)]
    allow_interruption: bool,
}

impl AllowArgs {
    /// The same for the workflows. A stream goes by its name, or as ACCOUNT/STREAM.
    pub fn allowed(&self, cluster: &Cluster) -> Allowed {
        let ids = |names: &[String]| {
            let whole = names.iter().flat_map(|name| {
                let accounts = cluster.accounts.keys();
                accounts.filter_map(move |account| match name.split_once('/') {
                    Some((own, _)) => (own == account.as_str()).then(|| name.clone()),
                    None => Some(format!("{account}/{name}")),
                })
            });
            whole.map(|name| RecordId::new(Kind::Stream, name)).collect()
        };
        Allowed {
            permits: Permits { remove: ids(&self.remove), replace: ids(&self.replace) },
            interruption: self.allow_interruption,
        }
    }

    /// Fails unless each stream that was named is one that the plan removes or makes anew, and only one.
    pub fn check(&self, plan: &Plan) -> Result<(), Failure> {
        for (names, kind, what) in [
            (&self.remove, ActionKind::Delete, "remove"),
            (&self.replace, ActionKind::Replace, "replace"),
        ] {
            for name in names {
                let meant: Vec<String> = plan
                    .changes()
                    .filter(|action| action.action == kind && is_called(&action.id, name))
                    .map(|action| action.id.name.clone())
                    .collect();
                match meant.as_slice() {
                    [_] => {}
                    [] => return Err(needless(plan, name, what)),
                    _ => {
                        let what = format!("`{name}` is the name of several streams");
                        let next = format!("name one of {}", meant.join(", "));
                        return Err(Failure::new(exit::USAGE, what).next(next));
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_called(id: &RecordId, name: &str) -> bool {
    let bare = id.name.split_once('/').map_or(id.name.as_str(), |(_, stream)| stream);
    id.kind == Kind::Stream && (id.name == name || bare == name)
}

/// Why a stream that was named is none to remove or to replace.
fn needless(plan: &Plan, name: &str, what: &str) -> Failure {
    let hidden = plan.not_observed.iter().find(|unseen| unseen.kind == Kind::Stream);
    let known = plan.actions.iter().any(|action| is_called(&action.id, name));
    let reason = match (hidden, known, what) {
        (Some(unseen), ..) => format!("streams can't be looked at: {}", unseen.reason),
        (None, true, "remove") => "the catalog asks for it; take it out there first".to_owned(),
        (None, true, _) => "it can be changed, or is as it should be".to_owned(),
        (None, false, _) => "there is no such stream".to_owned(),
    };
    Failure::new(exit::USAGE, format!("can't {what} stream `{name}`: {reason}"))
        .safe("nothing was changed")
}
