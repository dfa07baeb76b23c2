//! Security groups and their rules. A rule in one of our groups that nobody asks for is a hole, and goes.

use std::time::Duration;

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, ResourceType, SecurityGroupRule, Tag, TagSpecification,
    UserIdGroupPair,
};

use super::AwsProvider;
use super::access::gone_or;
use super::error::{Answer as _, CloudClass, CloudError};
use super::names::{ENVIRONMENT, Group, Names};
use super::pace::Pace;
use super::wait::{Look, until};
use crate::model::{AwsSettings, Cluster, Redis};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// Where nodes fetch their bundles and are reached by operators: endpoints and NAT gateways have no group of ours.
const EVERYWHERE: &str = "0.0.0.0/0";
const HTTPS: u16 = 443;

/// How long the interfaces of what is gone may linger: minutes, say the logs of others.
const TO_LINGER: Duration = Duration::from_secs(150);

/// Which way a rule lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// The other side of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Peer {
    Group(Group),
    Block(String),
}

/// A rule that should be: TCP to one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    group: Group,
    way: Way,
    port: u16,
    peer: Peer,
}

impl Rule {
    fn of(group: Group, way: Way, port: u16, peer: Peer) -> Self {
        Self { group, way, port, peer }
    }

    /// What it is called; observed rules are called in the same way.
    fn name(&self) -> String {
        let peer = match &self.peer {
            Peer::Group(group) => group.word(),
            Peer::Block(block) => block,
        };
        name(self.group.word(), self.way, "tcp", &self.port.to_string(), peer)
    }
}

fn name(group: &str, way: Way, protocol: &str, ports: &str, peer: &str) -> String {
    match way {
        Way::In => format!("{group} in {protocol} {ports} from {peer}"),
        Way::Out => format!("{group} out {protocol} {ports} to {peer}"),
    }
}

/// Both ends of a way through: out of one group and into the other.
fn between(from: Group, to: Group, port: u16) -> [Rule; 2] {
    [
        Rule::of(from, Way::Out, port, Peer::Group(to)),
        Rule::of(to, Way::In, port, Peer::Group(from)),
    ]
}

/// The field of the nodes' group that names the port of the routes between them.
const PORT: &str = "cluster_port";
const FIXED: &str = "all nodes would lose each other at once: the port of their routes is settled with the first apply";

/// Every rule that should be.
pub fn rules(cluster: &Cluster, settings: &AwsSettings) -> Vec<Rule> {
    let ports = &cluster.ports;
    let mut rules = Vec::new();
    for port in [ports.client, ports.leafnode] {
        rules.extend(between(Group::Clients, Group::LoadBalancer, port));
    }
    for port in [ports.client, ports.leafnode, ports.monitor] {
        rules.extend(between(Group::LoadBalancer, Group::Nodes, port));
    }
    rules.extend(between(Group::Nodes, Group::Nodes, ports.cluster));
    rules.push(Rule::of(Group::Nodes, Way::Out, HTTPS, Peer::Block(EVERYWHERE.to_owned())));
    for block in &settings.monitoring_allow {
        // The form in which AWS keeps it: the first address of the block.
        let block = block
            .parse::<ipnet::Ipv4Net>()
            .map_or(block.clone(), |block| block.trunc().to_string());
        rules.push(Rule::of(Group::LoadBalancer, Way::In, ports.monitor, Peer::Block(block)));
    }
    if cluster.redis.is_some() {
        rules.extend(between(Group::Clients, Group::Redis, Redis::PORT));
    }
    rules
}

/// The groups that should be: that of the cache only where there is one.
fn groups(cluster: &Cluster) -> impl Iterator<Item = Group> {
    let cache = cluster.redis.is_some();
    Group::ALL.into_iter().filter(move |group| cache || *group != Group::Redis)
}

fn about(group: Group, environment: &str) -> String {
    let what = match group {
        Group::Clients => "whoever may connect",
        Group::LoadBalancer => "the load balancer",
        Group::Nodes => "the nodes",
        Group::Redis => "the cache",
    };
    format!("natsops {environment}: {what}")
}

/// What groups and rules should be.
pub fn desired(names: Names<'_>, cluster: &Cluster, settings: &AwsSettings) -> Vec<Record> {
    let group = |group: Group| RecordId::new(Kind::SecurityGroup, group.word());
    let mut records: Vec<Record> = groups(cluster)
        .map(|word| {
            let owner = "somebody else's group has this name";
            let record = Record::new(group(word)).field(
                "owner",
                names.environment(),
                OnChange::Forbidden(owner),
            );
            match word {
                Group::Nodes => {
                    record.field(PORT, cluster.ports.cluster, OnChange::Forbidden(FIXED))
                }
                _ => record,
            }
            .complete()
        })
        .collect();
    records.extend(rules(cluster, settings).into_iter().map(|rule| {
        let mut needs = vec![group(rule.group)];
        if let Peer::Group(peer) = rule.peer {
            needs.push(group(peer));
        }
        Record::new(RecordId::new(Kind::SecurityRule, rule.name())).needs(needs).complete()
    }));
    records
}

/// Looks at groups and rules, in two calls.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Vec<Record>, CloudError> {
    let vpc = aws.known.network()?.vpc;
    let names = Group::ALL.map(|group| aws.names.group(group));
    let filters = [
        Filter::builder().name("vpc-id").values(vpc).build(),
        Filter::builder().name("group-name").set_values(Some(names.to_vec())).build(),
    ];
    let call = aws.clients.ec2.describe_security_groups().set_filters(Some(filters.to_vec()));
    let answer = call.send().await.of("DescribeSecurityGroups")?;
    let (mut records, mut ids) = (Vec::new(), Vec::new());
    for found in answer.security_groups() {
        let Some(group) =
            Group::ALL.into_iter().find(|g| found.group_name() == Some(&aws.names.group(*g)))
        else {
            continue;
        };
        let id = found.group_id().unwrap_or_default().to_owned();
        aws.known.keep(Kind::SecurityGroup, group.word(), &id);
        ids.push(id);
        let mut record = Record::new(RecordId::new(Kind::SecurityGroup, group.word())).complete();
        if let Some(owner) = tag(found.tags(), ENVIRONMENT) {
            record = record.field("owner", owner, OnChange::InPlace);
        }
        records.push(record);
    }
    if ids.is_empty() {
        return Ok(records);
    }
    let filter = Filter::builder().name("group-id").set_values(Some(ids)).build();
    let pages = aws
        .clients
        .ec2
        .describe_security_group_rules()
        .filters(filter)
        .into_paginator()
        .items()
        .send();
    let rules = pages.collect::<Result<Vec<_>, _>>().await.of("DescribeSecurityGroupRules")?;
    let found: Vec<Record> = rules.iter().filter_map(|rule| seen(aws, rule)).collect();
    let nodes = RecordId::new(Kind::SecurityGroup, Group::Nodes.word());
    records = records
        .into_iter()
        .map(|record| match record.id == nodes {
            true => record.field(PORT, routes(aws.cluster, &found), OnChange::InPlace),
            false => record,
        })
        .collect();
    records.extend(found);
    Ok(records)
}

/// The port on which nodes may reach each other: that of the file, unless there are only others.
fn routes(cluster: &Cluster, rules: &[Record]) -> String {
    let word = Group::Nodes.word();
    let port = |rule: &Record| {
        let name = rule.id.name.strip_prefix(&format!("{word} in tcp "))?;
        name.strip_suffix(&format!(" from {word}")).map(str::to_owned)
    };
    let wanted = cluster.ports.cluster.to_string();
    let found: Vec<String> = rules.iter().filter_map(port).collect();
    match found.first() {
        Some(other) if !found.contains(&wanted) => other.clone(),
        _ => wanted,
    }
}

/// The value of a tag of EC2.
pub fn tag<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
}

/// A rule as it was found; its id is kept, so that it can be revoked.
fn seen(aws: &AwsProvider<'_>, rule: &SecurityGroupRule) -> Option<Record> {
    let group = aws.known.name_of(Kind::SecurityGroup, rule.group_id()?)?;
    let way = if rule.is_egress() == Some(true) { Way::Out } else { Way::In };
    let protocol = match rule.ip_protocol() {
        Some("-1") | None => "all",
        Some(protocol) => protocol,
    };
    let ports = match (rule.from_port(), rule.to_port()) {
        (Some(from), Some(to)) if from == to && from >= 0 => from.to_string(),
        (Some(from), Some(to)) if from >= 0 => format!("{from}-{to}"),
        _ => "all".to_owned(),
    };
    let referenced = rule.referenced_group_info().and_then(|info| info.group_id());
    let peer = match referenced {
        Some(id) => aws.known.name_of(Kind::SecurityGroup, id).unwrap_or(id.to_owned()),
        None => rule
            .cidr_ipv4()
            .or(rule.cidr_ipv6())
            .or(rule.prefix_list_id())
            .unwrap_or("nobody")
            .to_owned(),
    };
    let name = name(&group, way, protocol, &ports, &peer);
    aws.known.keep(
        Kind::SecurityRule,
        &name,
        format!("{} {}", rule.group_id()?, rule.security_group_rule_id()?),
    );
    Some(Record::new(RecordId::new(Kind::SecurityRule, name)).complete())
}

fn group_of(word: &str) -> Result<Group, CloudError> {
    let found = Group::ALL.into_iter().find(|group| group.word() == word);
    found.ok_or_else(|| {
        CloudError::found("look", CloudClass::Other, format!("there is no group {word}"))
    })
}

/// The tags of a new thing of EC2.
pub fn tagged(
    aws: &AwsProvider<'_>,
    kind: ResourceType,
    more: &[(&str, &str)],
) -> TagSpecification {
    let of = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let own = aws.names.tags();
    let tags = own
        .iter()
        .map(|(key, value)| of(key, value))
        .chain(more.iter().map(|(key, value)| of(key, value)));
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags.collect())).build()
}

/// Makes a group. AWS lets everything out of a new one, which is taken away at once.
pub async fn create_group(aws: &AwsProvider<'_>, word: &str) -> Result<(), CloudError> {
    let group = group_of(word)?;
    let name = aws.names.group(group);
    aws.pacer.turn(Pace::Change).await;
    let answer = aws
        .clients
        .ec2
        .create_security_group()
        .group_name(&name)
        .description(about(group, aws.names.environment()))
        .vpc_id(aws.known.network()?.vpc)
        .tag_specifications(tagged(aws, ResourceType::SecurityGroup, &[("Name", &name)]))
        .send()
        .await
        .of("CreateSecurityGroup");
    let id = match answer {
        Ok(answer) => answer.group_id.unwrap_or_default(),
        // An answer was lost: the name is unique in the network.
        Err(error) if error.is("InvalidGroup.Duplicate") => {
            observe(aws).await?;
            aws.known.id(Kind::SecurityGroup, word)?
        }
        Err(error) => return Err(error),
    };
    aws.known.keep(Kind::SecurityGroup, word, &id);
    let all = IpPermission::builder()
        .ip_protocol("-1")
        .ip_ranges(IpRange::builder().cidr_ip(EVERYWHERE).build())
        .build();
    let call = aws.clients.ec2.revoke_security_group_egress().group_id(id).ip_permissions(all);
    gone_or(call.send().await.of("RevokeSecurityGroupEgress"))
}

fn rule_of(aws: &AwsProvider<'_>, name: &str) -> Result<Rule, CloudError> {
    let found = rules(aws.cluster, aws.settings).into_iter().find(|rule| rule.name() == name);
    found.ok_or_else(|| {
        CloudError::found("look", CloudClass::Other, format!("there is no rule {name}"))
    })
}

/// Makes a rule. One that is there already is refused by AWS, and that is as good.
pub async fn create_rule(aws: &AwsProvider<'_>, name: &str) -> Result<(), CloudError> {
    let rule = rule_of(aws, name)?;
    let id = aws.known.id(Kind::SecurityGroup, rule.group.word())?;
    let port = i32::from(rule.port);
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    let permission = match &rule.peer {
        Peer::Group(peer) => {
            let peer = aws.known.id(Kind::SecurityGroup, peer.word())?;
            permission.user_id_group_pairs(UserIdGroupPair::builder().group_id(peer).build())
        }
        Peer::Block(block) => permission.ip_ranges(IpRange::builder().cidr_ip(block).build()),
    };
    let permission = permission.build();
    let tags = tagged(aws, ResourceType::SecurityGroupRule, &[]);
    aws.pacer.turn(Pace::Change).await;
    let ec2 = &aws.clients.ec2;
    let outcome = match rule.way {
        Way::In => {
            let call = ec2.authorize_security_group_ingress().group_id(id);
            let call = call.ip_permissions(permission).tag_specifications(tags);
            call.send().await.of("AuthorizeSecurityGroupIngress").map(drop)
        }
        Way::Out => {
            let call = ec2.authorize_security_group_egress().group_id(id);
            let call = call.ip_permissions(permission).tag_specifications(tags);
            call.send().await.of("AuthorizeSecurityGroupEgress").map(drop)
        }
    };
    match outcome {
        Err(error) if !error.is("InvalidPermission.Duplicate") => Err(error),
        _ => Ok(()),
    }
}

/// Revokes a rule.
pub async fn delete_rule(aws: &AwsProvider<'_>, name: &str) -> Result<(), CloudError> {
    let known = aws.known.id(Kind::SecurityRule, name)?;
    let (group, rule) = known.split_once(' ').unwrap_or_default();
    aws.pacer.turn(Pace::Change).await;
    let ec2 = &aws.clients.ec2;
    if name.contains(" out ") {
        let call = ec2.revoke_security_group_egress().group_id(group).security_group_rule_ids(rule);
        gone_or(call.send().await.of("RevokeSecurityGroupEgress"))
    } else {
        let call =
            ec2.revoke_security_group_ingress().group_id(group).security_group_rule_ids(rule);
        gone_or(call.send().await.of("RevokeSecurityGroupIngress"))
    }
}

/// Removes a group, as soon as nothing uses it: the interfaces of a load balancer or a cache that is gone linger for
/// minutes. What still uses it is named, since AWS only says that something does.
pub async fn delete_group(
    aws: &AwsProvider<'_>,
    word: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::SecurityGroup, word)?;
    let what = format!("the group {word}");
    let gone = until(&what, TO_LINGER, told, async || {
        aws.pacer.turn(Pace::Change).await;
        let answer = aws.clients.ec2.delete_security_group().group_id(&id).send().await;
        match gone_or(answer.of("DeleteSecurityGroup")) {
            Err(error) if error.is("DependencyViolation") => {
                Ok(Look::NotYet(blocking(aws, &id).await?))
            }
            outcome => outcome.map(|()| Look::Ready),
        }
    });
    // Running it again would only wait again: somebody has to look at what is named.
    gone.await.map_err(|error| match error.class {
        CloudClass::Late => CloudError { class: CloudClass::World, ..error },
        _ => error,
    })
}

/// What uses a group, in words.
async fn blocking(aws: &AwsProvider<'_>, id: &str) -> Result<String, CloudError> {
    let filter = Filter::builder().name("group-id").values(id).build();
    let users = aws.clients.ec2.describe_network_interfaces().filters(filter).send().await;
    let users = users.of("DescribeNetworkInterfaces")?;
    let blocking: Vec<String> = users
        .network_interfaces()
        .iter()
        .map(|interface| {
            let whose = interface.description().filter(|text| !text.is_empty());
            let whose = whose.or(interface.requester_id()).unwrap_or("somebody");
            format!("{} of {whose}", interface.network_interface_id().unwrap_or_default())
        })
        .collect();
    Ok(if blocking.is_empty() {
        "named by a rule of another group".to_owned()
    } else {
        format!("in use by {}", blocking.join(", "))
    })
}
