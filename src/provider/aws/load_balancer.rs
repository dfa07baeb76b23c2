//! The network load balancer in front of the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum, Tag,
};

use super::AwsProvider;
use super::access::gone_or;
use super::error::{Answer as _, CloudError};
use super::names::{ENVIRONMENT, Group, Names};
use super::wait::{Look, until};
use crate::model::{AwsSettings, Cluster};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// Without it, the lone node of a zone gets the connections of a third of the clients.
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const PROTECTION: &str = "deletion_protection.enabled";

/// 2 minutes 22 to 2 minutes 41 in the logs of others.
const TO_BE_ACTIVE: Duration = Duration::from_secs(160);

/// What stands behind the DNS name of a load balancer in `Known`: the name, and the zone that it lies in.
pub const DNS: &str = "dns";

/// What a load balancer is that passes connections on, or soon will.
const WORKING: &str = "working";

fn state(found: &LoadBalancer) -> &str {
    match found.state().and_then(|state| state.code()) {
        Some(failed @ LoadBalancerStateEnum::Failed) => failed.as_str(),
        _ => WORKING,
    }
}

fn on(set: bool) -> &'static str {
    if set { "on" } else { "off" }
}

/// What the load balancer should be.
pub fn desired(names: Names<'_>, cluster: &Cluster, settings: &AwsSettings) -> Record {
    let zones: BTreeSet<&str> = cluster.nodes.iter().map(|node| node.zone.as_str()).collect();
    let scheme = if settings.internal_load_balancer { "internal" } else { "internet-facing" };
    Record::new(RecordId::new(Kind::LoadBalancer, names.stem()))
        .field(
            "owner",
            names.environment(),
            OnChange::Forbidden("somebody else's load balancer has this name"),
        )
        .field(
            "state",
            WORKING,
            OnChange::Forbidden(
                "AWS could not make it: delete it in AWS's console, then apply again",
            ),
        )
        .field(
            "scheme",
            scheme,
            OnChange::Forbidden("a load balancer keeps its scheme: AWS can only make another one"),
        )
        .field("zones", zones.into_iter().collect::<Vec<_>>().join(", "), OnChange::InPlace)
        .field("security_groups", Group::LoadBalancer.word(), OnChange::InPlace)
        .field("cross_zone", "on", OnChange::InPlace)
        .field("deletion_protection", on(settings.protected), OnChange::InPlace)
        .needs([RecordId::new(Kind::SecurityGroup, Group::LoadBalancer.word())])
        .complete()
}

/// The environments that things of the load balancer belong to, by ARN.
pub type Owners = BTreeMap<String, String>;

/// Asks for the owners of several things at once: AWS takes twenty.
pub async fn owners(aws: &AwsProvider<'_>, arns: Vec<String>) -> Result<Owners, CloudError> {
    if arns.is_empty() {
        return Ok(Owners::new());
    }
    let answer = aws.clients.elb.describe_tags().set_resource_arns(Some(arns)).send().await;
    let answer = answer.of("DescribeTags")?;
    let owner = |tags: &[Tag]| {
        let tag = tags.iter().find(|tag| tag.key() == Some(ENVIRONMENT));
        tag.and_then(Tag::value).map(str::to_owned)
    };
    let descriptions = answer.tag_descriptions().iter();
    Ok(descriptions
        .filter_map(|one| Some((one.resource_arn()?.to_owned(), owner(one.tags())?)))
        .collect())
}

/// The load balancer of our name.
pub async fn find(aws: &AwsProvider<'_>) -> Result<Option<LoadBalancer>, CloudError> {
    let call = aws.clients.elb.describe_load_balancers().names(aws.names.stem());
    match call.send().await.of("DescribeLoadBalancers") {
        Err(error) if error.is_missing() => Ok(None),
        answer => {
            let found = answer?.load_balancers.unwrap_or_default().into_iter().next();
            found.iter().for_each(|found| keep(aws, found));
            Ok(found)
        }
    }
}

fn keep(aws: &AwsProvider<'_>, found: &LoadBalancer) {
    aws.known.keep(
        Kind::LoadBalancer,
        &aws.names.stem(),
        found.load_balancer_arn().unwrap_or_default(),
    );
    let (name, zone) = (
        found.dns_name().unwrap_or_default(),
        found.canonical_hosted_zone_id().unwrap_or_default(),
    );
    aws.known.keep(Kind::LoadBalancer, DNS, format!("{name} {zone}"));
}

/// Looks at the load balancer.
pub async fn observe(
    aws: &AwsProvider<'_>,
    found: &LoadBalancer,
    owners: &Owners,
) -> Result<Record, CloudError> {
    let arn = found.load_balancer_arn().unwrap_or_default();
    let attributes =
        aws.clients.elb.describe_load_balancer_attributes().load_balancer_arn(arn).send().await;
    let attributes = attributes.of("DescribeLoadBalancerAttributes")?;
    let set = |key: &str| {
        let mut attributes = attributes.attributes().iter();
        on(attributes
            .any(|attribute| attribute.key() == Some(key) && attribute.value() == Some("true")))
    };
    let mut zones: Vec<&str> =
        found.availability_zones().iter().filter_map(|zone| zone.zone_name()).collect();
    zones.sort_unstable();
    let groups: Vec<String> = found
        .security_groups()
        .iter()
        .map(|id| aws.known.name_of(Kind::SecurityGroup, id).unwrap_or(id.clone()))
        .collect();
    let mut record = Record::new(RecordId::new(Kind::LoadBalancer, aws.names.stem()))
        .field("state", state(found), OnChange::InPlace)
        .field(
            "scheme",
            found.scheme().map_or("unknown", LoadBalancerSchemeEnum::as_str),
            OnChange::InPlace,
        )
        .field("zones", zones.join(", "), OnChange::InPlace)
        .field("security_groups", groups.join(", "), OnChange::InPlace)
        .field("cross_zone", set(CROSS_ZONE), OnChange::InPlace)
        .field("deletion_protection", set(PROTECTION), OnChange::InPlace)
        .complete();
    if let Some(owner) = owners.get(arn) {
        // A mark like the bucket's, which somebody may have lost: an apply switches both off.
        if owner == aws.names.environment() && set(PROTECTION) == on(true) {
            aws.known.keep_protected();
        }
        record = record.field("owner", owner, OnChange::InPlace);
    }
    Ok(record)
}

/// Makes the load balancer with its security group, which can't be given later, and waits until it is active.
pub async fn create(aws: &AwsProvider<'_>, told: &(dyn Fn(&str) + Sync)) -> Result<(), CloudError> {
    let scheme = if aws.settings.internal_load_balancer {
        LoadBalancerSchemeEnum::Internal
    } else {
        LoadBalancerSchemeEnum::InternetFacing
    };
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let answer = aws
        .clients
        .elb
        .create_load_balancer()
        .name(aws.names.stem())
        .r#type(LoadBalancerTypeEnum::Network)
        .scheme(scheme)
        .set_subnets(Some(aws.known.network()?.subnet_ids()))
        .security_groups(aws.known.id(Kind::SecurityGroup, Group::LoadBalancer.word())?)
        .set_tags(Some(tags))
        .send()
        .await
        .of("CreateLoadBalancer")?;
    answer.load_balancers().iter().for_each(|made| keep(aws, made));
    update(aws, &["cross_zone"]).await?;
    until("the load balancer", TO_BE_ACTIVE, told, async || {
        let state = find(aws).await?.and_then(|found| found.state);
        let reason = state
            .as_ref()
            .and_then(|state| state.reason())
            .unwrap_or("without a reason")
            .to_owned();
        Ok(match state.and_then(|state| state.code) {
            Some(LoadBalancerStateEnum::Active) => Look::Ready,
            Some(LoadBalancerStateEnum::Failed) => Look::Ended(reason),
            state => Look::NotYet(
                state.map_or("not seen yet".to_owned(), |state| state.as_str().to_owned()),
            ),
        })
    })
    .await
}

/// Gives the load balancer what differs.
pub async fn update(aws: &AwsProvider<'_>, fields: &[&str]) -> Result<(), CloudError> {
    let elb = &aws.clients.elb;
    let arn = aws.known.id(Kind::LoadBalancer, &aws.names.stem())?;
    if fields.iter().any(|field| matches!(*field, "cross_zone" | "deletion_protection")) {
        attributes(aws, &arn, aws.settings.protected).await?;
    }
    if fields.contains(&"zones") {
        let subnets = aws.known.network()?.subnet_ids();
        elb.set_subnets()
            .load_balancer_arn(&arn)
            .set_subnets(Some(subnets))
            .send()
            .await
            .of("SetSubnets")?;
    }
    if fields.contains(&"security_groups") {
        let group = aws.known.id(Kind::SecurityGroup, Group::LoadBalancer.word())?;
        elb.set_security_groups()
            .load_balancer_arn(&arn)
            .security_groups(group)
            .send()
            .await
            .of("SetSecurityGroups")?;
    }
    Ok(())
}

async fn attributes(aws: &AwsProvider<'_>, arn: &str, protected: bool) -> Result<(), CloudError> {
    let of = |key: &str, value: bool| {
        LoadBalancerAttribute::builder().key(key).value(value.to_string()).build()
    };
    let call = aws.clients.elb.modify_load_balancer_attributes().load_balancer_arn(arn);
    let call = call.attributes(of(CROSS_ZONE, true)).attributes(of(PROTECTION, protected));
    call.send().await.of("ModifyLoadBalancerAttributes").map(drop)
}

/// Removes the load balancer. That destroying is allowed has been settled before.
pub async fn delete(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let arn = aws.known.id(Kind::LoadBalancer, &aws.names.stem())?;
    attributes(aws, &arn, false).await?;
    gone_or(
        aws.clients
            .elb
            .delete_load_balancer()
            .load_balancer_arn(arn)
            .send()
            .await
            .of("DeleteLoadBalancer"),
    )
}
