//! Target groups: the nodes behind each port of the load balancer, by address, since that outlives a machine.

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, Tag, TargetDescription, TargetGroup, TargetGroupAttribute,
    TargetHealthStateEnum, TargetTypeEnum,
};

use super::AwsProvider;
use super::access::gone_or;
use super::error::{Answer as _, CloudError};
use super::load_balancer::Owners;
use super::names::Names;
use crate::model::{Cluster, Period, Ports};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// How long the load balancer keeps sending to a node that leaves is as long as the node takes to leave.
const DRAIN: &str = "deregistration_delay.timeout_seconds";
/// A node that reached itself through the load balancer with its own address would wait for ever.
const KEEP_ADDRESS: &str = "preserve_client_ip.enabled";

/// How a node is asked: seconds between two questions, answers in a row until it counts, and the status of a good one.
const INTERVAL: i32 = 10;
const ANSWERS: i32 = 2;
const GOOD: &str = "200";

/// A port of the load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Clients.
    Client,
    /// Leafnodes.
    Leafnode,
    /// Monitoring.
    Monitor,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Client, Self::Leafnode, Self::Monitor];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Leafnode => "leafnode",
            Self::Monitor => "monitor",
        }
    }

    /// Its port.
    pub fn port(self, ports: &Ports) -> u16 {
        match self {
            Self::Client => ports.client,
            Self::Leafnode => ports.leafnode,
            Self::Monitor => ports.monitor,
        }
    }

    /// What the health check asks a node. Clients want JetStream; leafnodes and monitors a server that answers.
    fn health(self) -> &'static str {
        match self {
            Self::Client => "/healthz?js-enabled-only=true",
            Self::Leafnode | Self::Monitor => "/healthz?js-server-only=true",
        }
    }
}

/// How long a node may take to leave, in seconds: AWS accepts up to an hour.
fn drain(lame_duck: Period) -> u64 {
    lame_duck.duration().as_secs().min(3600)
}

fn targets<'a>(addresses: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = addresses.collect();
    all.sort_unstable();
    all.join(", ")
}

fn addresses(cluster: &Cluster) -> Vec<String> {
    cluster.nodes.iter().map(|node| node.address.to_string()).collect()
}

fn health_check(protocol: &str, interval: i32, answers: [i32; 2], good: &str) -> String {
    let [healthy, unhealthy] = answers;
    format!(
        "{protocol} every {interval} s, {good} is good, {healthy} make healthy, {unhealthy} unhealthy"
    )
}

fn check_in_force(group: &TargetGroup) -> String {
    let protocol = group.health_check_protocol().map_or("none", ProtocolEnum::as_str);
    let answers = [group.healthy_threshold_count(), group.unhealthy_threshold_count()];
    let good = group.matcher().and_then(Matcher::http_code).unwrap_or("anything");
    let interval = group.health_check_interval_seconds().unwrap_or_default();
    health_check(protocol, interval, answers.map(Option::unwrap_or_default), good)
}

const SETTLED: &str =
    "a target group keeps its port, its protocol and its network: AWS can only make another one";

/// What the target groups should be.
pub fn desired<'a>(names: Names<'a>, cluster: &'a Cluster) -> impl Iterator<Item = Record> + 'a {
    Door::ALL.into_iter().map(move |door| {
        let addresses = addresses(cluster);
        Record::new(RecordId::new(Kind::TargetGroup, door.word()))
            .field(
                "owner",
                names.environment(),
                OnChange::Forbidden("somebody else's target group has this name"),
            )
            .field("port", door.port(&cluster.ports), OnChange::Forbidden(SETTLED))
            .field("protocol", "TCP", OnChange::Forbidden(SETTLED))
            .field("health_path", door.health(), OnChange::InPlace)
            .field("health_port", cluster.ports.monitor, OnChange::InPlace)
            .field(
                "health_check",
                health_check("HTTP", INTERVAL, [ANSWERS; 2], GOOD),
                OnChange::InPlace,
            )
            .field("deregistration_delay", drain(cluster.lame_duck.duration), OnChange::InPlace)
            .field("preserve_client_address", "off", OnChange::InPlace)
            .field("targets", targets(addresses.iter().map(String::as_str)), OnChange::InPlace)
            .complete()
    })
}

/// The target groups of our names, in one call: naming them would fail as soon as one of them is missing.
pub async fn find(aws: &AwsProvider<'_>) -> Result<Vec<(Door, TargetGroup)>, CloudError> {
    let pages = aws.clients.elb.describe_target_groups().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.of("DescribeTargetGroups")?;
    let door = |group: &TargetGroup| {
        let mut doors = Door::ALL.into_iter();
        doors.find(|door| group.target_group_name() == Some(&aws.names.target_group(door.word())))
    };
    let ours: Vec<_> = found.into_iter().filter_map(|group| Some((door(&group)?, group))).collect();
    for (door, group) in &ours {
        aws.known.keep(
            Kind::TargetGroup,
            door.word(),
            group.target_group_arn().unwrap_or_default(),
        );
    }
    Ok(ours)
}

/// Looks at target groups: two calls for each, whatever the number of nodes.
pub async fn observe(
    aws: &AwsProvider<'_>,
    found: &[(Door, TargetGroup)],
    owners: &Owners,
) -> Result<Vec<Record>, CloudError> {
    let looks = found.iter().map(|(door, group)| look(aws, *door, group, owners));
    futures_util::future::join_all(looks).await.into_iter().collect()
}

async fn look(
    aws: &AwsProvider<'_>,
    door: Door,
    group: &TargetGroup,
    owners: &Owners,
) -> Result<Record, CloudError> {
    let elb = &aws.clients.elb;
    let arn = group.target_group_arn().unwrap_or_default();
    let (attributes, health) = tokio::join!(
        elb.describe_target_group_attributes().target_group_arn(arn).send(),
        elb.describe_target_health().target_group_arn(arn).send(),
    );
    let attributes = attributes.of("DescribeTargetGroupAttributes")?;
    let value = |key: &str| {
        let found = attributes.attributes().iter().find(|attribute| attribute.key() == Some(key));
        found.and_then(TargetGroupAttribute::value).unwrap_or_default().to_owned()
    };
    let health = health.of("DescribeTargetHealth")?;
    let registered = health.target_health_descriptions().iter().filter_map(|one| {
        let leaving = one.target_health()?.state() == Some(&TargetHealthStateEnum::Draining);
        if leaving { None } else { one.target()?.id() }
    });
    let keeps = if value(KEEP_ADDRESS) == "true" { "on" } else { "off" };
    let mut record = Record::new(RecordId::new(Kind::TargetGroup, door.word()))
        .field("port", group.port().unwrap_or_default(), OnChange::InPlace)
        .field(
            "protocol",
            group.protocol().map_or("unknown", ProtocolEnum::as_str),
            OnChange::InPlace,
        )
        .field("health_path", group.health_check_path().unwrap_or("none"), OnChange::InPlace)
        .field("health_port", group.health_check_port().unwrap_or("none"), OnChange::InPlace)
        .field("health_check", check_in_force(group), OnChange::InPlace)
        .field("deregistration_delay", value(DRAIN), OnChange::InPlace)
        .field("preserve_client_address", keeps, OnChange::InPlace)
        .field("targets", targets(registered), OnChange::InPlace)
        .complete();
    if let Some(owner) = owners.get(arn) {
        record = record.field("owner", owner, OnChange::InPlace);
    }
    Ok(record)
}

/// The door of a name.
pub fn door(word: &str) -> Option<Door> {
    Door::ALL.into_iter().find(|door| door.word() == word)
}

/// Makes a target group; one with equal settings is given back by AWS, and its members are registered again.
pub async fn create(aws: &AwsProvider<'_>, door: Door) -> Result<(), CloudError> {
    let name = aws.names.target_group(door.word());
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let answer = aws
        .clients
        .elb
        .create_target_group()
        .name(name)
        .protocol(ProtocolEnum::Tcp)
        .port(door.port(&aws.cluster.ports).into())
        .vpc_id(aws.known.network()?.vpc)
        .target_type(TargetTypeEnum::Ip)
        .health_check_protocol(ProtocolEnum::Http)
        .health_check_port(aws.cluster.ports.monitor.to_string())
        .health_check_path(door.health())
        .health_check_interval_seconds(INTERVAL)
        .healthy_threshold_count(ANSWERS)
        .unhealthy_threshold_count(ANSWERS)
        .matcher(Matcher::builder().http_code(GOOD).build())
        .set_tags(Some(tags))
        .send()
        .await
        .of("CreateTargetGroup")?;
    let group = answer.target_groups.unwrap_or_default().into_iter().next();
    let arn = group.and_then(|group| group.target_group_arn).unwrap_or_default();
    aws.known.keep(Kind::TargetGroup, door.word(), arn);
    update(aws, door, &["deregistration_delay", "targets"]).await
}

/// Gives a target group what differs.
pub async fn update(aws: &AwsProvider<'_>, door: Door, fields: &[&str]) -> Result<(), CloudError> {
    let elb = &aws.clients.elb;
    let arn = aws.known.id(Kind::TargetGroup, door.word())?;
    if fields.iter().any(|field| field.starts_with("health")) {
        let call =
            elb.modify_target_group().target_group_arn(&arn).health_check_path(door.health());
        call.health_check_port(aws.cluster.ports.monitor.to_string())
            .health_check_protocol(ProtocolEnum::Http)
            .health_check_interval_seconds(INTERVAL)
            .healthy_threshold_count(ANSWERS)
            .unhealthy_threshold_count(ANSWERS)
            .matcher(Matcher::builder().http_code(GOOD).build())
            .send()
            .await
            .of("ModifyTargetGroup")?;
    }
    if fields
        .iter()
        .any(|field| matches!(*field, "deregistration_delay" | "preserve_client_address"))
    {
        let of = |key: &str, value: String| {
            TargetGroupAttribute::builder().key(key).value(value).build()
        };
        let delay = drain(aws.cluster.lame_duck.duration).to_string();
        let call = elb
            .modify_target_group_attributes()
            .target_group_arn(&arn)
            .attributes(of(DRAIN, delay));
        let call = call.attributes(of(KEEP_ADDRESS, "false".to_owned()));
        call.send().await.of("ModifyTargetGroupAttributes")?;
    }
    if fields.contains(&"targets") {
        members(aws, door, &arn).await?;
    }
    Ok(())
}

/// Registers every node, and deregisters whatever else is a member.
async fn members(aws: &AwsProvider<'_>, door: Door, arn: &str) -> Result<(), CloudError> {
    let elb = &aws.clients.elb;
    let port = i32::from(door.port(&aws.cluster.ports));
    let of = |address: &str| TargetDescription::builder().id(address).port(port).build();
    let wanted = addresses(aws.cluster);
    let found = elb
        .describe_target_health()
        .target_group_arn(arn)
        .send()
        .await
        .of("DescribeTargetHealth")?;
    let strangers: Vec<TargetDescription> = found
        .target_health_descriptions()
        .iter()
        .filter_map(|one| one.target().cloned())
        .filter(|target| !wanted.iter().any(|address| target.id() == Some(address)))
        .collect();
    let all = wanted.iter().map(|address| of(address)).collect();
    elb.register_targets()
        .target_group_arn(arn)
        .set_targets(Some(all))
        .send()
        .await
        .of("RegisterTargets")?;
    if strangers.is_empty() {
        return Ok(());
    }
    let call = elb.deregister_targets().target_group_arn(arn).set_targets(Some(strangers));
    call.send().await.of("DeregisterTargets").map(drop)
}

/// Removes a target group.
pub async fn delete(aws: &AwsProvider<'_>, word: &str) -> Result<(), CloudError> {
    let arn = aws.known.id(Kind::TargetGroup, word)?;
    gone_or(
        aws.clients
            .elb
            .delete_target_group()
            .target_group_arn(arn)
            .send()
            .await
            .of("DeleteTargetGroup"),
    )
}
