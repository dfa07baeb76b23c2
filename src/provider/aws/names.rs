//! Names, tags and tokens: what makes a second run find what the first has made.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::model::{AwsSettings, Cluster, Node, Placement, ServiceName};

/// The tag that says whose environment a thing is.
pub const ENVIRONMENT: &str = "natsops:environment";
/// Whose a thing is that carries no such tag.
pub const NOBODY: &str = "nobody";
/// The tag that says who made it.
pub const OWNER: &str = "natsops:owner";
/// What that tag says.
pub const OWNED: &str = "natsops";
/// The tag that counts the machines that a node has had.
pub const GENERATION: &str = "natsops:generation";
/// The tag on an interface that notes that its node gets another machine, and of which generation.
pub const REPLACING: &str = "natsops:replacing";
/// The tag on a volume that its node does not use any more: the generation of the machine that began without it.
pub const SET_ASIDE: &str = "natsops:set-aside";
/// The tag that names the node that a thing belongs to.
pub const NODE: &str = "natsops:node";
/// The tag that forbids to destroy.
pub const PROTECTED: &str = "natsops:protected";

/// The longest name of a target group.
const TARGET_GROUP: usize = 32;
/// The longest id of a user of ElastiCache.
const USER_ID: usize = 40;

/// The names of an environment's things on AWS.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    environment: &'a str,
    settings: &'a AwsSettings,
}

/// A security group of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Whoever may connect: tasks of services carry it.
    Clients,
    /// The load balancer.
    LoadBalancer,
    /// The nodes.
    Nodes,
    /// The cache.
    Redis,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Clients, Self::LoadBalancer, Self::Nodes, Self::Redis];

    /// Its short name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::LoadBalancer => "load-balancer",
            Self::Nodes => "nodes",
            Self::Redis => "redis",
        }
    }
}

impl<'a> Names<'a> {
    /// The names of a cluster on AWS; none where it lives elsewhere.
    pub fn of(cluster: &'a Cluster) -> Option<Self> {
        match &cluster.placement {
            Placement::Aws(settings) => {
                Some(Self { environment: cluster.environment.as_str(), settings })
            }
            Placement::Local { .. } => None,
        }
    }

    /// The environment.
    pub fn environment(&self) -> &'a str {
        self.environment
    }

    /// What every name begins with; also the name of what there is once.
    pub fn stem(&self) -> String {
        format!("natsops-{}", self.environment)
    }

    /// What our own descriptions and comments say, where tags can't be read or are not there.
    pub fn mark(&self) -> String {
        format!("natsops {}", self.environment)
    }

    /// The bucket, whose name is unique in the world.
    pub fn bucket(&self) -> String {
        let AwsSettings { account, region, .. } = self.settings;
        format!("{}-{account}-{region}", self.stem())
    }

    /// A security group.
    pub fn group(&self, group: Group) -> String {
        format!("{}-{}", self.stem(), group.word())
    }

    /// The path of roles and instance profiles.
    pub fn path(&self) -> String {
        format!("/natsops/{}/", self.environment)
    }

    /// The role of a node, and its instance profile. Names of roles are unique in an account, not in a region.
    pub fn role(&self, node: &Node) -> String {
        self.role_of(node.name.as_str())
    }

    /// The same by the name of a node, which the file may no longer have.
    pub fn role_of(&self, node: &str) -> String {
        format!("{}-{}-{node}", self.stem(), self.settings.region)
    }

    /// The name of the node that a role is for.
    pub fn node_of_role<'r>(&self, role: &'r str) -> Option<&'r str> {
        role.strip_prefix(&self.role_of(""))
    }

    /// A target group, by the word of its port.
    pub fn target_group(&self, port: &str) -> String {
        fitting(format!("{}-{port}", self.stem()), TARGET_GROUP)
    }

    /// The id of a user of the cache. Ids are unique in a region.
    pub fn cache_user(&self, user: &str) -> String {
        fitting(format!("{}-{user}", self.stem()), USER_ID)
    }

    /// Whether a name begins as ours do. Those of an environment whose name begins with ours do so too.
    pub fn is_ours(&self, name: &str) -> bool {
        name.strip_prefix(&self.stem()).is_some_and(|rest| rest.starts_with('-'))
    }

    /// A piece of a service's credentials in Parameter Store.
    pub fn parameter(&self, service: &ServiceName, piece: &str) -> String {
        format!("{}{service}/{piece}", self.path())
    }

    /// The tags of everything that is made.
    pub fn tags(&self) -> Vec<(&'static str, String)> {
        let mut tags = vec![(ENVIRONMENT, self.environment.to_owned()), (OWNER, OWNED.to_owned())];
        if self.settings.protected {
            tags.push((PROTECTED, "true".to_owned()));
        }
        tags
    }

    /// A client token: the same for the same wish, so that a repeated call makes nothing twice. 64 hexadecimal digits.
    pub fn token(&self, wish: &[&str]) -> String {
        let AwsSettings { account, region, .. } = self.settings;
        let mut parts = vec![self.environment, account, region];
        parts.extend(wish);
        digest(&parts.join("\n"))
    }
}

/// A name; one that is too long is cut, and stays different from others by its end.
fn fitting(name: String, longest: usize) -> String {
    if name.len() <= longest {
        return name;
    }
    let end = digest(&name)[..8].to_owned();
    format!("{}-{end}", name[..longest - 9].trim_end_matches('-'))
}

/// SHA-256 in hex.
pub fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::parameter::Piece;
    use super::super::target_group::Door;
    use super::*;
    use crate::model::samples;

    #[test]
    fn long_user_ids_are_cut_and_stay_different() {
        let settings = samples::aws_settings();
        let names = Names { environment: "production-eu-01", settings: &settings };
        let [a, b] = ["recommendation-engine-candidate-a", "recommendation-engine-candidate-b"]
            .map(|service| names.cache_user(service));
        assert!(a.len() <= USER_ID && b.len() <= USER_ID, "{a} {b}");
        assert_ne!(a, b);
    }

    #[test]
    fn a_token_follows_from_the_wish_and_fits() {
        let settings = samples::aws_settings();
        let names = Names { environment: "prod", settings: &settings };
        let token = |generation: &str| names.token(&["instance", "nats-1", generation]);
        assert_eq!(token("1"), token("1"));
        assert_ne!(token("1"), token("2"));
        assert_eq!(token("1").len(), 64);
    }

    /// Names of every kind, with every ending that they may have, and the limit of AWS.
    #[test]
    fn the_longest_names_fit_their_limits() {
        let settings = AwsSettings { region: "ap-southeast-1".into(), ..samples::aws_settings() };
        let names = Names { environment: "abcdefghijklmnop", settings: &settings };
        let node = Node {
            name: "n".repeat(16).parse().unwrap(),
            zone: "ap-southeast-1a".parse().unwrap(),
            tags: vec![],
            address: [10, 0, 0, 11].into(),
        };
        let service: ServiceName = "s".repeat(32).parse().unwrap();
        let mut all = vec![(names.bucket(), 63), (names.role(&node), 64), (names.path(), 512)];
        // The load balancer; the cache, its subnets and its users.
        all.extend([(names.stem(), 32), (names.stem(), 40)]);
        all.extend(Door::ALL.map(|door| (names.target_group(door.word()), TARGET_GROUP)));
        all.extend(Group::ALL.map(|group| (names.group(group), 255)));
        let users = [service.as_str(), "default"];
        all.extend(users.map(|user| (names.cache_user(user), USER_ID)));
        all.extend(Piece::ALL.map(|piece| (names.parameter(&service, piece.word()), 1011)));
        for (name, longest) in &all {
            assert!(name.len() <= *longest, "{name} has {} characters", name.len());
        }
        let kinds: BTreeSet<&String> = all.iter().map(|(name, _)| name).collect();
        assert_eq!(kinds.len(), all.len() - 1, "only the stem stands twice");
    }

    #[test]
    fn names_that_fit_are_never_cut() {
        let settings = samples::aws_settings();
        let names = Names { environment: "prod", settings: &settings };
        let doors = Door::ALL.map(|door| names.target_group(door.word()));
        assert_eq!(doors, ["natsops-prod-client", "natsops-prod-leafnode", "natsops-prod-monitor"]);
    }
}
