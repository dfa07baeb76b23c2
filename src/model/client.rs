//! Whoever signs in with creds and a certificate of its own.

use super::{AccountName, Cluster, ConnectionKind, Leafnode, Placement, Service};

/// A service or a leafnode.
#[derive(Debug, Clone, Copy)]
pub enum Client<'c> {
    /// A service.
    Service(&'c Service),
    /// A leafnode.
    Leafnode(&'c Leafnode),
}

impl<'c> Client<'c> {
    /// Everybody.
    pub fn all(cluster: &'c Cluster) -> Vec<Self> {
        let services = cluster.services.values().map(Self::Service);
        services.chain(cluster.leafnodes.values().map(Self::Leafnode)).collect()
    }

    /// Everybody of an account.
    pub fn of(cluster: &'c Cluster, account: &AccountName) -> Vec<Self> {
        let all = Self::all(cluster).into_iter();
        all.filter(|client| client.account() == account).collect()
    }

    /// Its name, which a service and a leafnode never share.
    pub fn name(self) -> &'c str {
        match self {
            Self::Service(service) => service.name.as_str(),
            Self::Leafnode(leafnode) => leafnode.name.as_str(),
        }
    }

    /// What it is for, in a sentence.
    pub fn description(self) -> &'c str {
        match self {
            Self::Service(service) => &service.description,
            Self::Leafnode(leafnode) => &leafnode.description,
        }
    }

    /// The account that it belongs to.
    pub fn account(self) -> &'c AccountName {
        match self {
            Self::Service(service) => &service.account,
            Self::Leafnode(leafnode) => &leafnode.account,
        }
    }

    /// Why nobody but itself can sign in as it does, in words; none where that can be tried from elsewhere.
    pub fn untried(self, cluster: &Cluster) -> Option<String> {
        let Self::Service(service) = self else { return None };
        let name = &service.name;
        if !service.connections.contains(&ConnectionKind::Standard) {
            return Some(format!("{name} has no ordinary connection"));
        }
        // On one machine everybody comes from a loopback address, and may.
        let elsewhere = !matches!(cluster.placement, Placement::Local { .. });
        (elsewhere && !service.networks.is_empty())
            .then(|| format!("{name} may come from {} alone", service.networks.join(", ")))
    }
}

impl<'c> From<&'c Service> for Client<'c> {
    fn from(service: &'c Service) -> Self {
        Self::Service(service)
    }
}

impl<'c> From<&'c Leafnode> for Client<'c> {
    fn from(leafnode: &'c Leafnode) -> Self {
        Self::Leafnode(leafnode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::tests::cluster;
    use crate::model::samples::{aws_settings, service};

    #[test]
    fn nobody_else_can_try_who_comes_from_chosen_networks_or_has_no_ordinary_connection() {
        let mut cluster = cluster(vec![], vec![]);
        let mut wallet = service("wallet", "GAME");
        wallet.networks = vec!["10.0.0.0/8".to_owned()];
        assert_eq!(Client::from(&wallet).untried(&cluster), None, "on one machine");
        cluster.placement = Placement::Aws(Box::new(aws_settings()));
        let why = Client::from(&wallet).untried(&cluster).unwrap();
        assert_eq!(why, "wallet may come from 10.0.0.0/8 alone");
        wallet.networks.clear();
        assert_eq!(Client::from(&wallet).untried(&cluster), None);
        wallet.connections = vec![ConnectionKind::Mqtt];
        let why = Client::from(&wallet).untried(&cluster).unwrap();
        assert_eq!(why, "wallet has no ordinary connection");
    }
}
