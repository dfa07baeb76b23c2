//! The machine of a node: what can be replaced. Address and data are attached to it.

use std::time::Duration;

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, HttpTokensState, IamInstanceProfileSpecification, Instance,
    InstanceMetadataEndpointState, InstanceStateName, InstanceType, Volume,
};

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use super::interface::{node_of, of_subnets};
use super::names::{ENVIRONMENT, GENERATION, Names};
use super::pace::Pace;
use super::security::tag;
use super::wait::{Look, until};
use crate::model::{AwsSettings, Cluster, Node};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// The size of the root volume in GiB.
pub const ROOT_SIZE: i32 = 20;
/// The device of the root on Amazon Linux 2023.
pub const ROOT_DEVICE: &str = "/dev/xvda";
/// The device name of the data volume; the machine finds it by its serial.
const DATA_DEVICE: &str = "/dev/sdf";

/// How long a machine takes to run: 13 to 35 s in the logs of others.
const TO_RUN: Duration = Duration::from_secs(60);

/// The command that gives a node another machine, with what needs one.
fn anew(names: Names<'_>, node: &Node, why: &str) -> OnChange {
    let command = format!("natsops node replace {} {}", names.environment(), node.name);
    OnChange::ByCommand(format!("{why}; one node at a time: {command}"))
}

const IMAGE: &str = "a machine keeps its image, and another image needs a new machine";
const TYPE: &str =
    "a machine changes its type only while it is stopped, and all would be stopped at once";
const ROOT: &str = "a root is made with its machine";

/// What the machines should be.
pub fn desired<'a>(
    names: Names<'a>,
    cluster: &'a Cluster,
    settings: &'a AwsSettings,
) -> impl Iterator<Item = Record> + 'a {
    cluster.nodes.iter().map(move |node| {
        let of = |kind: Kind| RecordId::new(kind, &node.name);
        Record::new(of(Kind::Instance))
            .field("owner", names.environment(), OnChange::Forbidden("somebody else's machine"))
            .field("state", "running", OnChange::InPlace)
            .field("type", &settings.instance_type, anew(names, node, TYPE))
            .field("image", &settings.image, anew(names, node, IMAGE))
            .field(
                "interface",
                &node.name,
                OnChange::Forbidden("a machine keeps its first interface"),
            )
            .field("volume", "attached", OnChange::InPlace)
            .field("profile", names.role(node), OnChange::InPlace)
            .field("metadata", "IMDSv2 only, 1 hop", OnChange::InPlace)
            .field(
                "public_address",
                "none",
                OnChange::Forbidden("a public address comes with the subnet"),
            )
            .field("root_size", format!("{ROOT_SIZE} GiB"), anew(names, node, ROOT))
            .field("root_key", &settings.volume.kms_key, anew(names, node, ROOT))
            .field("termination_protection", "on", OnChange::InPlace)
            .needs([
                of(Kind::NetworkInterface),
                of(Kind::Volume),
                of(Kind::Role),
                of(Kind::BundleObject),
            ])
    })
}

/// Looks at the machines that live, in one call. With `deep`, one more for each tells whether it is protected.
pub async fn observe(
    aws: &AwsProvider<'_>,
    volumes: &[Volume],
    deep: bool,
) -> Result<Vec<Record>, CloudError> {
    let mut records = Vec::new();
    aws.known.forget_machines();
    for instance in live(aws, of_subnets(aws)?).await? {
        let address = instance.private_ip_address().unwrap_or_default();
        let Some(node) = node_of(aws, instance.tags(), address) else {
            continue;
        };
        records.extend(strange_volume(aws, node, &instance));
        let id = instance.instance_id().unwrap_or_default();
        aws.known.keep(Kind::Instance, node, id);
        let generation = tag(instance.tags(), GENERATION).and_then(|text| text.parse().ok());
        aws.known.keep_machine(node, generation.unwrap_or_default());
        let mut record = seen(aws, node, &instance, volumes);
        if deep {
            let protected = if is_protected(aws, id).await? { "on" } else { "off" };
            record = record.field("termination_protection", protected, OnChange::InPlace);
        }
        records.push(record);
    }
    Ok(records)
}

/// A volume where a node's data should hang, and that is not known as ours: it must not be taken for absent.
fn strange_volume(aws: &AwsProvider<'_>, node: &str, instance: &Instance) -> Option<Record> {
    let mut devices = instance.block_device_mappings().iter();
    let data = devices.find(|device| device.device_name() == Some(DATA_DEVICE))?;
    let known = aws.known.get(Kind::Volume, node);
    (data.ebs()?.volume_id() != known.as_deref() && known.is_none()).then(|| {
        Record::new(RecordId::new(Kind::Volume, node)).field("owner", "nobody", OnChange::InPlace)
    })
}

/// Machines that are not on their way out: a terminated one stays listed for an hour, with its tags.
pub async fn live(aws: &AwsProvider<'_>, filter: Filter) -> Result<Vec<Instance>, CloudError> {
    let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned).to_vec();
    let state = Filter::builder().name("instance-state-name").set_values(Some(states)).build();
    let call = aws.clients.ec2.describe_instances().filters(filter).filters(state);
    let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let found = found.of("DescribeInstances")?;
    Ok(found
        .into_iter()
        .flat_map(|reservation| reservation.instances.unwrap_or_default())
        .collect())
}

fn seen(aws: &AwsProvider<'_>, node: &str, instance: &Instance, volumes: &[Volume]) -> Record {
    let state = instance.state().and_then(|state| state.name());
    let state = match state {
        // It will run in a moment.
        Some(InstanceStateName::Pending) => "running",
        Some(state) => state.as_str(),
        None => "unknown",
    };
    let interfaces = instance.network_interfaces().iter().filter_map(|i| i.network_interface_id());
    let interface = interfaces
        .map(|id| aws.known.name_of(Kind::NetworkInterface, id).unwrap_or(id.to_owned()))
        .next();
    let volume = aws.known.get(Kind::Volume, node);
    let mut devices =
        instance.block_device_mappings().iter().filter_map(|device| device.ebs()?.volume_id());
    let attached = devices.any(|id| Some(id) == volume.as_deref());
    let profile =
        instance.iam_instance_profile().and_then(|profile| profile.arn()?.rsplit('/').next());
    let options = instance.metadata_options();
    let strict = options.is_some_and(|options| {
        options.http_tokens() == Some(&HttpTokensState::Required)
            && options.http_put_response_hop_limit() == Some(1)
            && options.http_endpoint() != Some(&InstanceMetadataEndpointState::Disabled)
    });
    let record = Record::new(RecordId::new(Kind::Instance, node))
        .field("owner", tag(instance.tags(), ENVIRONMENT).unwrap_or("nobody"), OnChange::InPlace)
        .field("state", state, OnChange::InPlace)
        .field(
            "type",
            instance.instance_type().map_or("unknown", InstanceType::as_str),
            OnChange::InPlace,
        )
        .field("image", instance.image_id().unwrap_or_default(), OnChange::InPlace)
        .field("interface", interface.unwrap_or_default(), OnChange::InPlace)
        .field("volume", if attached { "attached" } else { "not attached" }, OnChange::InPlace)
        .field("profile", profile.unwrap_or("none"), OnChange::InPlace)
        .field("metadata", if strict { "IMDSv2 only, 1 hop" } else { "open" }, OnChange::InPlace)
        .field("public_address", instance.public_ip_address().unwrap_or("none"), OnChange::InPlace);
    root(aws, instance, volumes)
        .into_iter()
        .fold(record, |record, (field, value)| record.field(field, value, OnChange::InPlace))
}

/// The root volume's fields, where it could be seen.
fn root(
    aws: &AwsProvider<'_>,
    instance: &Instance,
    volumes: &[Volume],
) -> Vec<(&'static str, String)> {
    let device = instance.root_device_name().unwrap_or(ROOT_DEVICE);
    let mapping = instance
        .block_device_mappings()
        .iter()
        .find(|mapping| mapping.device_name() == Some(device));
    let id = mapping.and_then(|mapping| mapping.ebs()?.volume_id());
    let Some(volume) = volumes.iter().find(|volume| volume.volume_id() == id && id.is_some())
    else {
        return Vec::new();
    };
    let key = match (volume.encrypted(), volume.kms_key_id()) {
        (Some(true), Some(key)) => aws.key_alias(key),
        _ => "none".to_owned(),
    };
    vec![("root_size", format!("{} GiB", volume.size().unwrap_or_default())), ("root_key", key)]
}

async fn is_protected(aws: &AwsProvider<'_>, id: &str) -> Result<bool, CloudError> {
    let name = aws_sdk_ec2::types::InstanceAttributeName::DisableApiTermination;
    let call = aws.clients.ec2.describe_instance_attribute().instance_id(id).attribute(name);
    let answer = call.send().await.of("DescribeInstanceAttribute")?;
    Ok(answer.disable_api_termination().and_then(AttributeBooleanValue::value).unwrap_or(false))
}

/// Waits until a machine runs. A key or a type that is refused shows only in the reason of its end.
pub async fn runs(
    aws: &AwsProvider<'_>,
    node: &Node,
    id: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let what = format!("the machine of {}", node.name);
    state(aws, &what, id, TO_RUN, &InstanceStateName::Running, told).await
}

/// Waits until a machine has a state.
pub async fn state(
    aws: &AwsProvider<'_>,
    what: &str,
    id: &str,
    usual: Duration,
    wanted: &InstanceStateName,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    until(what, usual, told, async || {
        let answer = aws.clients.ec2.describe_instances().instance_ids(id).send().await;
        let answer = match answer.of("DescribeInstances") {
            Err(error) if error.is_missing() => return Ok(Look::NotYet("not seen yet".to_owned())),
            answer => answer?,
        };
        let instance =
            answer.reservations().first().and_then(|reservation| reservation.instances().first());
        let state = instance.and_then(|instance| instance.state()?.name().cloned());
        let reason = instance
            .and_then(|instance| instance.state_reason()?.message())
            .unwrap_or("without a reason");
        Ok(match state {
            Some(state) if state == *wanted => Look::Ready,
            Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown) => {
                Look::Ended(reason.to_owned())
            }
            state => Look::NotYet(
                state.map_or("not seen yet".to_owned(), |state| state.as_str().to_owned()),
            ),
        })
    })
    .await
}

/// Attaches the data, unless it is. A volume that hangs on another machine is not taken away.
pub async fn attach(aws: &AwsProvider<'_>, node: &Node, id: &str) -> Result<(), CloudError> {
    let volume = aws.known.id(Kind::Volume, node.name.as_str())?;
    aws.pacer.turn(Pace::Change).await;
    let call =
        aws.clients.ec2.attach_volume().volume_id(&volume).instance_id(id).device(DATA_DEVICE);
    let error = match call.send().await.of("AttachVolume") {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let answer = aws
        .clients
        .ec2
        .describe_volumes()
        .volume_ids(&volume)
        .send()
        .await
        .of("DescribeVolumes")?;
    let attachments = answer.volumes().first().map(Volume::attachments).unwrap_or_default();
    match attachments.first().and_then(|attachment| attachment.instance_id()) {
        Some(found) if found == id => Ok(()),
        Some(other) => {
            let message = format!("the volume of {} hangs on {other}", node.name);
            Err(CloudError { message, class: CloudClass::World, ..error })
        }
        None => Err(error),
    }
}

/// Gives a machine what differs: `fields` are the names of those that do.
pub async fn update(
    aws: &AwsProvider<'_>,
    node: &Node,
    fields: &[&str],
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let ec2 = &aws.clients.ec2;
    let id = aws.known.id(Kind::Instance, node.name.as_str())?;
    if fields.contains(&"metadata") {
        let call = ec2
            .modify_instance_metadata_options()
            .instance_id(&id)
            .http_tokens(HttpTokensState::Required)
            .http_put_response_hop_limit(1);
        let call = call.http_endpoint(InstanceMetadataEndpointState::Enabled);
        call.send().await.of("ModifyInstanceMetadataOptions")?;
    }
    if fields.contains(&"termination_protection") {
        protect(aws, &id, true).await?;
    }
    if fields.contains(&"profile") {
        set_profile(aws, node, &id).await?;
    }
    if fields.contains(&"state") {
        ec2.start_instances().instance_ids(&id).send().await.of("StartInstances")?;
        runs(aws, node, &id, told).await?;
    }
    if fields.contains(&"volume") {
        // AWS attaches nothing to a machine that is only beginning.
        runs(aws, node, &id, told).await?;
        attach(aws, node, &id).await?;
    }
    Ok(())
}

/// Protects a machine from being terminated, or does so no longer.
pub async fn protect(aws: &AwsProvider<'_>, id: &str, on: bool) -> Result<(), CloudError> {
    let value = AttributeBooleanValue::builder().value(on).build();
    let call =
        aws.clients.ec2.modify_instance_attribute().instance_id(id).disable_api_termination(value);
    call.send().await.of("ModifyInstanceAttribute").map(drop)
}

async fn set_profile(aws: &AwsProvider<'_>, node: &Node, id: &str) -> Result<(), CloudError> {
    let ec2 = &aws.clients.ec2;
    let filter = Filter::builder().name("instance-id").values(id).build();
    let found = ec2.describe_iam_instance_profile_associations().filters(filter).send().await;
    let found = found.of("DescribeIamInstanceProfileAssociations")?;
    let profile = IamInstanceProfileSpecification::builder().name(aws.names.role(node)).build();
    match found.iam_instance_profile_associations().first().and_then(|one| one.association_id()) {
        Some(association) => {
            let call = ec2.replace_iam_instance_profile_association().association_id(association);
            call.iam_instance_profile(profile)
                .send()
                .await
                .of("ReplaceIamInstanceProfileAssociation")
                .map(drop)
        }
        None => {
            let call =
                ec2.associate_iam_instance_profile().instance_id(id).iam_instance_profile(profile);
            call.send().await.of("AssociateIamInstanceProfile").map(drop)
        }
    }
}
