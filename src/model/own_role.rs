//! What natsops' own role may do in each account: the one source of its claims and of the answer to who may.

use super::{OWN_ACCOUNT, OWN_ROLE, SYSTEM_ACCOUNT};

/// The subjects that the role may publish and subscribe in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRights {
    /// What it may publish.
    pub publish: Vec<String>,
    /// What it may subscribe.
    pub subscribe: Vec<String>,
}

/// The rights of the role in an account: to ask the servers in the system account, to send what a check sends in natsops' own,
/// and to manage streams and consumers everywhere else.
pub fn own_rights(account: &str) -> OwnRights {
    let (publish, subscribe): (&[&str], &[&str]) = match account {
        SYSTEM_ACCOUNT => (&["$SYS.REQ.>", "$JS.API.>"], &["$SYS.>"]),
        OWN_ACCOUNT => (&["natsops.probe.>"], &["natsops.probe.>"]),
        _ => (&["$JS.API.>"], &[]),
    };
    let owned = |subjects: &[&str]| subjects.iter().map(|subject| (*subject).to_owned()).collect();
    let mut subscribe: Vec<String> = owned(subscribe);
    subscribe.insert(0, format!("_INBOX.{OWN_ROLE}.>"));
    OwnRights { publish: owned(publish), subscribe }
}
