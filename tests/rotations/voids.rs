//! What a rotation replaces: let in until it ends, and refused by every server afterwards.

use natsops::nats::trusted_keys;
use natsops::secrets::{KeyName, Secret, Ticket};

use super::kinds::{Kind, Void};
use super::load::names;
use crate::cluster::{Keys, servers};
use crate::keys::authority::Files;
use crate::keys::cache;
use crate::keys::rotate::{creds, let_in};
use crate::support::Project;

/// What was valid before the rotation.
pub enum Old {
    /// The creds of services.
    Creds(Vec<(&'static str, Ticket)>),
    /// The certificates of services.
    Certificates(Vec<(&'static str, Files)>),
    /// A password for the cache.
    Password(Secret<String>),
    /// The operator's signing keys, which its claims list.
    OperatorKeys,
    /// Nothing that becomes void.
    Nothing,
}

impl Old {
    pub fn of(kind: &Kind, project: &Project) -> Self {
        match kind.void {
            Void::Creds => Self::Creds(names().map(|name| (name, creds(project, name))).collect()),
            Void::Certificates => {
                Self::Certificates(names().map(|name| (name, Files::of(project, name))).collect())
            }
            Void::Password(service) => {
                assert_eq!(service, "store", "its password is the one that is looked at");
                Self::Password(cache::password(project))
            }
            Void::OperatorKey => Self::OperatorKeys,
            Void::Nothing => Self::Nothing,
        }
    }

    /// Leaves out whoever was given nothing new.
    pub fn retain(&mut self, replaced: &[&str]) {
        match self {
            Self::Creds(all) => all.retain(|(name, _)| replaced.contains(name)),
            Self::Certificates(all) => all.retain(|(name, _)| replaced.contains(name)),
            Self::Password(_) | Self::OperatorKeys | Self::Nothing => {}
        }
    }

    /// During an overlap, every server lets it in.
    pub async fn assert_let_in(&self, project: &Project) {
        match self {
            Self::Creds(all) => {
                for (name, user) in all {
                    assert_eq!(let_in(project, user).await, 5, "{name} is refused too early");
                }
            }
            Self::Password(password) => {
                assert_eq!(cache::let_in(project, password).await, 6, "refused too early");
            }
            // Whoever trusts the old authority alone can't tell whether a server would let it in.
            Self::Certificates(_) | Self::OperatorKeys | Self::Nothing => {}
        }
    }

    /// How many of the servers still accept it. Each accepts what has taken its place.
    pub async fn accepting(self, project: &Project) -> usize {
        let mut count = 0;
        match self {
            Self::Creds(all) => {
                for (name, user) in all {
                    count += let_in(project, &user).await;
                    let new = creds(project, name);
                    assert_eq!(let_in(project, &new).await, 5, "{name} is not let in");
                }
            }
            Self::Certificates(all) => {
                for (name, old) in all {
                    let new = Files::of(project, name);
                    count += old.trusting(&new).let_in(project).await;
                    assert_eq!(new.let_in(project).await, 5, "{name} is not let in");
                }
            }
            Self::Password(old) => {
                count += cache::let_in(project, &old).await;
                let new = cache::password(project);
                assert_eq!(cache::let_in(project, &new).await, 6, "the new one is not let in");
            }
            Self::OperatorKeys => {
                let index = Keys::of(project).index;
                let trusted =
                    |number: u8| index.public(&KeyName::operator_signing(number)).unwrap();
                let current = [trusted(1), trusted(2), trusted(3)];
                for server in servers(project).await {
                    // The three current ones, the identity, and nothing else.
                    let keys = trusted_keys(&server);
                    assert!(current.iter().all(|key| keys.contains(*key)));
                    count += keys.len() - current.len() - 1;
                }
            }
            Self::Nothing => {}
        }
        count
    }
}
