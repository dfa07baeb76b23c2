//! The network interface of a node. It outlives the machine, and with it the node's address.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag};

use super::AwsProvider;
use super::access::gone_or;
use super::error::{Answer as _, CloudError};
use super::names::{ENVIRONMENT, GENERATION, Group, NODE, Names, REPLACING};
use super::pace::Pace;
use super::security::{tag, tagged};
use crate::model::{Cluster, Node};
use crate::plan::{Kind, OnChange, Record, RecordId};
use crate::provider::Replacement;

const MOVES: &str = "a node's address and zone are its identity: give the new place a new node";

/// What the interfaces should be.
pub fn desired<'a>(names: Names<'a>, cluster: &'a Cluster) -> impl Iterator<Item = Record> + 'a {
    cluster.nodes.iter().map(move |node| {
        Record::new(RecordId::new(Kind::NetworkInterface, &node.name))
            .field(
                "owner",
                names.environment(),
                OnChange::Forbidden("somebody else's interface has this address"),
            )
            .field("address", node.address, OnChange::Forbidden(MOVES))
            .field("zone", &node.zone, OnChange::Forbidden(MOVES))
            .field("security_groups", Group::Nodes.word(), OnChange::InPlace)
            .needs([RecordId::new(Kind::SecurityGroup, Group::Nodes.word())])
            .complete()
    })
}

/// Looks at the interfaces, in one call. The generation of each node stands on its interface.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Vec<Record>, CloudError> {
    let call = aws.clients.ec2.describe_network_interfaces().filters(of_subnets(aws)?);
    let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut records = Vec::new();
    for interface in found.of("DescribeNetworkInterfaces")? {
        let tags = interface.tag_set();
        let address = interface.private_ip_address().unwrap_or_default();
        let Some(node) = node_of(aws, tags, address) else {
            continue;
        };
        aws.known.keep(
            Kind::NetworkInterface,
            node,
            interface.network_interface_id().unwrap_or_default(),
        );
        if let Some(generation) = tag(tags, GENERATION).and_then(|text| text.parse().ok()) {
            aws.known.keep_generation(node, generation);
        }
        aws.known.keep_replacement(node, tag(tags, REPLACING).and_then(Replacement::read));
        let groups: Vec<String> = interface
            .groups()
            .iter()
            .filter_map(|group| group.group_id())
            .map(|id| aws.known.name_of(Kind::SecurityGroup, id).unwrap_or(id.to_owned()))
            .collect();
        records.push(
            Record::new(RecordId::new(Kind::NetworkInterface, node))
                .field("owner", tag(tags, ENVIRONMENT).unwrap_or("nobody"), OnChange::InPlace)
                .field("address", address, OnChange::InPlace)
                .field("zone", interface.availability_zone().unwrap_or_default(), OnChange::InPlace)
                .field("security_groups", groups.join(", "), OnChange::InPlace)
                .complete(),
        );
    }
    Ok(records)
}

/// Whatever stands in our subnets. One that has lost its tags is found by its address, and is not taken for absent.
pub fn of_subnets(aws: &AwsProvider<'_>) -> Result<Filter, CloudError> {
    let subnets = aws.known.network()?.subnet_ids();
    Ok(Filter::builder().name("subnet-id").set_values(Some(subnets)).build())
}

/// The node that a thing belongs to: by our own tags, or else by the node's address.
pub fn node_of<'a>(aws: &'a AwsProvider<'_>, tags: &'a [Tag], address: &str) -> Option<&'a str> {
    let ours = tag(tags, ENVIRONMENT) == Some(aws.names.environment());
    let at = || aws.cluster.nodes.iter().find(|node| node.address.to_string() == address);
    tag(tags, NODE).filter(|_| ours).or_else(|| Some(at()?.name.as_str()))
}

/// Things of this environment.
pub fn of_environment(aws: &AwsProvider<'_>) -> Filter {
    Filter::builder().name(format!("tag:{ENVIRONMENT}")).values(aws.names.environment()).build()
}

/// How many interfaces a node may have had within the time that AWS remembers tokens.
const TOKENS: u32 = 20;

/// Makes an interface. The token makes a repeated call harmless; so does the address, which only one can have. AWS remembers
/// tokens for longer than interfaces live, so that of one that is gone is followed by another, in the same order each time.
pub async fn create(aws: &AwsProvider<'_>, node: &Node) -> Result<(), CloudError> {
    let mut turn = 0;
    let id = loop {
        match ask(aws, node, turn).await {
            Err(error) if turn + 1 < TOKENS && is_spent(&error) => turn += 1,
            outcome => break outcome?,
        }
    };
    aws.known.keep(Kind::NetworkInterface, node.name.as_str(), id);
    Ok(())
}

/// Whether a token is that of an interface that is gone, or that was asked for otherwise.
fn is_spent(error: &CloudError) -> bool {
    error.is("InvalidNetworkInterfaceID.NotFound") || error.is("IdempotentParameterMismatch")
}

/// Asks for an interface, with the token of a turn; gives its id.
async fn ask(aws: &AwsProvider<'_>, node: &Node, turn: u32) -> Result<String, CloudError> {
    let network = aws.known.network()?;
    let subnet = network.subnets.get(node.zone.as_str());
    let subnet = subnet.map(|subnet| subnet.id.clone()).unwrap_or_default();
    let address = node.address.to_string();
    // Another group is another environment of the same name.
    let group = aws.known.id(Kind::SecurityGroup, Group::Nodes.word())?;
    let name = format!("{}-{}", aws.names.stem(), node.name);
    let more = [("Name", name.as_str()), (NODE, node.name.as_str()), (GENERATION, "1")];
    let turn = turn.to_string();
    let token =
        aws.names.token(&["interface", node.name.as_str(), &subnet, &address, &group, &turn]);
    aws.pacer.turn(Pace::Change).await;
    let call = aws.clients.ec2.create_network_interface().client_token(token);
    let answer = call
        .description(format!("natsops {}: {}", aws.names.environment(), node.name))
        .subnet_id(&subnet)
        .private_ip_address(&address)
        .groups(&group)
        .tag_specifications(tagged(aws, ResourceType::NetworkInterface, &more))
        .send()
        .await
        .of("CreateNetworkInterface")?;
    let interface = answer.network_interface;
    Ok(interface.and_then(|interface| interface.network_interface_id).unwrap_or_default())
}

/// Puts an interface back into its group.
pub async fn update(aws: &AwsProvider<'_>, node: &Node) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::NetworkInterface, node.name.as_str())?;
    let group = aws.known.id(Kind::SecurityGroup, Group::Nodes.word())?;
    aws.pacer.turn(Pace::Change).await;
    let call =
        aws.clients.ec2.modify_network_interface_attribute().network_interface_id(id).groups(group);
    call.send().await.of("ModifyNetworkInterfaceAttribute").map(drop)
}

/// Writes down the generation of a node's next machine, and what is noted of it, in one call.
pub async fn note_generation(
    aws: &AwsProvider<'_>,
    node: &str,
    generation: u32,
    replacement: Option<Replacement>,
) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::NetworkInterface, node)?;
    let mut tags = vec![(GENERATION, generation.to_string())];
    tags.extend(replacement.map(|replacement| (REPLACING, replacement.to_string())));
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    aws.pacer.turn(Pace::Change).await;
    let call = aws.clients.ec2.create_tags().resources(id).set_tags(Some(tags.collect()));
    call.send().await.of("CreateTags")?;
    aws.known.keep_generation(node, generation);
    if replacement.is_some() {
        aws.known.keep_replacement(node, replacement);
    }
    Ok(())
}

/// Takes the note of a replacement away.
pub async fn forget_replacement(aws: &AwsProvider<'_>, node: &str) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::NetworkInterface, node)?;
    aws.pacer.turn(Pace::Change).await;
    let call = aws.clients.ec2.delete_tags().resources(id);
    call.tags(Tag::builder().key(REPLACING).build()).send().await.of("DeleteTags")?;
    aws.known.keep_replacement(node, None);
    Ok(())
}

/// Removes an interface.
pub async fn delete(aws: &AwsProvider<'_>, node: &str) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::NetworkInterface, node)?;
    aws.pacer.turn(Pace::Change).await;
    let call = aws.clients.ec2.delete_network_interface().network_interface_id(id);
    gone_or(call.send().await.of("DeleteNetworkInterface"))
}
