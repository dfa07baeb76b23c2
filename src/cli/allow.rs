//! What is not done unless it is named on the command line: the same options for `plan` and `apply`.

use serde::{Deserialize, Serialize};

use super::exit;
use super::failure::Failure;
use crate::model::{AccountName, Cluster};
use crate::ops::Allowed;
use crate::plan::{ActionKind, Kind, Permits, Plan, RecordId};

/// What can be named.
const KINDS: [Kind; 3] = [Kind::Stream, Kind::Bucket, Kind::Consumer];

/// What the user allows by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct AllowArgs {
    /// Remove this stream, bucket or consumer (STREAM/CONSUMER), which the catalog does not have any more, with all that
    /// it keeps (can be repeated)
    #[arg(long, value_name = "NAME")]
    remove: Vec<String>,
    /// Make this stream, bucket or consumer (STREAM/CONSUMER) anew, without what it keeps, where the server can't change
    /// it (can be repeated)
    #[arg(long, value_name = "NAME")]
    replace: Vec<String>,
    /// Restart nodes although something stops meanwhile, such as a stream with one replica
    #[arg(long)]
    allow_interruption: bool,
}

impl AllowArgs {
    /// The same for the workflows. A thing goes by its name, or with its account before it, as ACCOUNT/STREAM.
    pub fn allowed(&self, cluster: &Cluster) -> Allowed {
        let ids = |names: &[String]| names.iter().flat_map(|name| meant(cluster, name)).collect();
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
                        let what = format!("`{name}` is the name of several things");
                        let next = format!("name one of {}", meant.join(", "));
                        return Err(Failure::new(exit::USAGE, what).next(next));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Everything that a name may mean.
fn meant(cluster: &Cluster, name: &str) -> Vec<RecordId> {
    let own =
        |account: &AccountName| name.split_once('/').is_some_and(|(a, _)| a == account.as_str());
    let mut whole: Vec<String> =
        cluster.accounts.keys().map(|account| format!("{account}/{name}")).collect();
    whole.extend(cluster.accounts.keys().any(own).then(|| name.to_owned()));
    let kinds = |name: String| match name.matches('/').count() {
        1 => vec![RecordId::new(Kind::Stream, &name), RecordId::new(Kind::Bucket, name)],
        _ => vec![RecordId::new(Kind::Consumer, name)],
    };
    whole.into_iter().flat_map(kinds).collect()
}

fn is_called(id: &RecordId, name: &str) -> bool {
    let bare = id.name.split_once('/').map_or(id.name.as_str(), |(_, bare)| bare);
    KINDS.contains(&id.kind) && (id.name == name || bare == name)
}

/// Why something that was named is nothing to remove or to replace.
fn needless(plan: &Plan, name: &str, what: &str) -> Failure {
    let hidden = plan.not_observed.iter().find(|unseen| unseen.kind == Kind::Stream);
    let known = plan.actions.iter().any(|action| is_called(&action.id, name));
    let reason = match (hidden, known, what) {
        (Some(unseen), ..) => format!("streams can't be looked at: {}", unseen.reason),
        (None, true, "remove") => "the catalog asks for it; take it out there first".to_owned(),
        (None, true, _) => "it can be changed, or is as it should be".to_owned(),
        (None, false, _) => "there is no such stream, bucket or consumer".to_owned(),
    };
    Failure::new(exit::USAGE, format!("can't {what} `{name}`: {reason}"))
        .safe("nothing was changed")
}
