//! Looks at everything once, in three rounds: the network, what others refer to, and the rest side by side.

use super::error::CloudError;
use super::{
    AwsProvider, access, bucket, bundle, cache_subnets, cache_users, dns, instance, interface, key,
    listener, load_balancer, network, parameter, replication_group, security, target_group, volume,
};
use crate::plan::{Kind, Record};

impl AwsProvider<'_> {
    /// Looks the network up and checks it. Everything else stands on it.
    async fn look_up_network(&self) -> Result<(), CloudError> {
        let network = network::look_up(&self.clients, self.cluster, self.settings).await?;
        self.known.keep_network(network);
        Ok(())
    }

    /// Looks at everything, and changes nothing. `deep` also reads what no call gives for several things at once.
    pub(super) async fn look(&self, deep: bool) -> Result<Vec<Record>, CloudError> {
        let (network, key) = tokio::join!(self.look_up_network(), key::observe(self));
        network?;
        let mut records: Vec<Record> = key?.into_iter().collect();
        records.extend(security::observe(self).await?);
        let (bucket, bundles, roles, machines, entry, cache, parameters) = tokio::join!(
            bucket::observe(self),
            bundle::observe(self),
            access::observe(self, deep),
            self.observe_machines(deep),
            self.observe_entry(),
            self.observe_cache(),
            parameter::observe(self),
        );
        records.extend(bucket?);
        for found in [bundles?, roles?, machines?, entry?, cache?, parameters?] {
            records.extend(found);
        }
        Ok(records)
    }

    async fn observe_machines(&self, deep: bool) -> Result<Vec<Record>, CloudError> {
        let (interfaces, volumes) = tokio::join!(interface::observe(self), volume::look(self));
        let (mut records, volumes) = (interfaces?, volumes?);
        records.extend(volume::seen(self, &volumes));
        records.extend(instance::observe(self, &volumes, deep).await?);
        Ok(records)
    }

    async fn observe_entry(&self) -> Result<Vec<Record>, CloudError> {
        let (balancer, groups) = tokio::join!(load_balancer::find(self), target_group::find(self));
        let (balancer, groups) = (balancer?, groups?);
        let arns = balancer.iter().filter_map(|balancer| balancer.load_balancer_arn());
        let arns = arns.chain(groups.iter().filter_map(|(_, group)| group.target_group_arn()));
        let owners = load_balancer::owners(self, arns.map(str::to_owned).collect()).await?;
        let mut records = target_group::observe(self, &groups, &owners).await?;
        if let Some(balancer) = &balancer {
            records.push(load_balancer::observe(self, balancer, &owners).await?);
        }
        let (listeners, names) = tokio::join!(listener::observe(self), dns::observe(self));
        records.extend(listeners?);
        records.extend(names?);
        Ok(records)
    }

    async fn observe_cache(&self) -> Result<Vec<Record>, CloudError> {
        let (subnets, users, group) = tokio::join!(
            cache_subnets::observe(self),
            cache_users::observe(self),
            replication_group::observe(self),
        );
        let mut records: Vec<Record> = subnets?.into_iter().collect();
        records.extend(users?);
        records.extend(group?);
        Ok(records)
    }

    /// What a key is called: our alias where it is ours.
    pub(super) fn key_alias(&self, key: &str) -> String {
        let alias = &self.settings.volume.kms_key;
        let same = |known: String| known == key || known.ends_with(&format!("/{key}"));
        let ours = self.known.get(Kind::EncryptionKey, alias).is_some_and(same) || key == alias;
        if ours { alias.clone() } else { key.to_owned() }
    }
}
