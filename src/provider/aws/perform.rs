//! Performs one action of a plan. Each may be repeated without harm.

use super::error::{CloudClass, CloudError};
use super::target_group::Door;
use super::{
    AwsProvider, access, bucket, bundle, cache_subnets, cache_users, dns, instance, interface, key,
    launch, listener, load_balancer, parameter, replication_group, security, target_group,
    termination, volume,
};
use crate::model::Node;
use crate::plan::{Action, ActionKind, Kind};
use crate::provider::Means;

fn unknown(action: &Action) -> CloudError {
    CloudError::found("perform", CloudClass::Other, format!("{} is nothing of AWS", action.id))
}

impl AwsProvider<'_> {
    fn node(&self, action: &Action) -> Result<&Node, CloudError> {
        let found = self.cluster.nodes.iter().find(|node| node.name.as_str() == action.id.name);
        found.ok_or_else(|| unknown(action))
    }

    fn door(action: &Action) -> Result<Door, CloudError> {
        target_group::door(&action.id.name).ok_or_else(|| unknown(action))
    }

    /// Performs an action.
    pub(super) async fn act(&self, action: &Action, means: &Means<'_>) -> Result<(), CloudError> {
        match action.action {
            ActionKind::Keep => Ok(()),
            ActionKind::Create => self.create(action, means).await,
            ActionKind::Update | ActionKind::Replace => self.update(action, means).await,
            ActionKind::Delete => self.delete(action, means).await,
        }
    }

    async fn create(&self, action: &Action, means: &Means<'_>) -> Result<(), CloudError> {
        let (name, told) = (action.id.name.as_str(), means.told);
        match action.id.kind {
            Kind::S3Bucket => bucket::settle(self).await,
            Kind::EncryptionKey => key::create(self).await,
            Kind::SecurityGroup => security::create_group(self, name).await,
            Kind::SecurityRule => security::create_rule(self, name).await,
            Kind::Role => access::settle(self, self.node(action)?).await,
            Kind::CacheSubnetGroup => cache_subnets::create(self).await,
            Kind::CacheUser => cache_users::create_user(self, name, means).await,
            Kind::CacheUserGroup => cache_users::create_group(self, told).await,
            Kind::ReplicationGroup => replication_group::create(self, told).await,
            Kind::NetworkInterface => interface::create(self, self.node(action)?).await,
            Kind::Volume => volume::create(self, self.node(action)?, told).await,
            Kind::TargetGroup => target_group::create(self, Self::door(action)?).await,
            Kind::LoadBalancer => load_balancer::create(self, told).await,
            Kind::Listener => listener::create(self, Self::door(action)?).await,
            Kind::Instance => launch::create(self, self.node(action)?, told).await,
            Kind::Zone => dns::create_zone(self).await,
            Kind::DnsRecord => dns::put(self, name, told).await,
            Kind::Parameter => parameter::put(self, name, means).await,
            Kind::BundleObject => {
                bundle::put(self, self.node(action)?, means.index, means.supply).await
            }
            _ => Err(unknown(action)),
        }
    }

    async fn update(&self, action: &Action, means: &Means<'_>) -> Result<(), CloudError> {
        let (name, told) = (action.id.name.as_str(), means.told);
        let fields: Vec<&str> = action.changes.iter().map(|change| change.field.as_str()).collect();
        match action.id.kind {
            Kind::S3Bucket => bucket::settle(self).await,
            Kind::EncryptionKey => key::settle(self).await,
            Kind::Role => access::update(self, self.node(action)?, &fields).await,
            Kind::CacheSubnetGroup => cache_subnets::update(self).await,
            Kind::CacheUser => cache_users::update_user(self, name, means).await,
            Kind::CacheUserGroup => cache_users::update_group(self, told).await,
            Kind::ReplicationGroup => replication_group::update(self, &fields, told).await,
            Kind::NetworkInterface => interface::update(self, self.node(action)?).await,
            Kind::Volume => volume::update(self, self.node(action)?, told).await,
            Kind::TargetGroup => target_group::update(self, Self::door(action)?, &fields).await,
            Kind::LoadBalancer => load_balancer::update(self, &fields).await,
            Kind::Listener => listener::update(self, Self::door(action)?).await,
            Kind::Instance => instance::update(self, self.node(action)?, &fields, told).await,
            Kind::DnsRecord => dns::put(self, name, told).await,
            Kind::Parameter => parameter::put(self, name, means).await,
            Kind::BundleObject => {
                bundle::put(self, self.node(action)?, means.index, means.supply).await
            }
            _ => Err(unknown(action)),
        }
    }

    async fn delete(&self, action: &Action, means: &Means<'_>) -> Result<(), CloudError> {
        let (name, told) = (action.id.name.as_str(), means.told);
        match action.id.kind {
            Kind::S3Bucket => bucket::delete(self).await,
            Kind::EncryptionKey => key::delete(self).await,
            Kind::SecurityGroup => security::delete_group(self, name, told).await,
            Kind::SecurityRule => security::delete_rule(self, name).await,
            Kind::Role => access::delete(self, name).await,
            Kind::CacheSubnetGroup => cache_subnets::delete(self).await,
            Kind::CacheUser => cache_users::delete_user(self, name, told).await,
            Kind::CacheUserGroup => cache_users::delete_group(self, told).await,
            Kind::ReplicationGroup => {
                replication_group::delete(self, means.snapshot.clone(), told).await
            }
            Kind::NetworkInterface => interface::delete(self, name).await,
            Kind::Volume => volume::delete(self, name).await,
            Kind::TargetGroup => target_group::delete(self, name).await,
            Kind::LoadBalancer => load_balancer::delete(self).await,
            Kind::Listener => listener::delete(self, name).await,
            Kind::Instance => termination::delete(self, name, told).await,
            Kind::Zone => dns::delete_zone(self).await,
            Kind::DnsRecord => dns::delete_record(self, name, told).await,
            Kind::Parameter => parameter::delete(self, name).await,
            Kind::BundleObject => bundle::delete(self, name).await,
            _ => Err(unknown(action)),
        }
    }
}
