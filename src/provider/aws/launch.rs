//! Launches the machine of a node, once whatever happens: the same wish has the same token.

use std::time::Duration;

use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification, Instance,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceNetworkInterfaceSpecification, InstanceType, Placement, ResourceType, ShutdownBehavior,
    VolumeType,
};
use data_encoding::BASE64;

use super::error::{Answer as _, CloudError};
use super::instance::{ROOT_DEVICE, ROOT_SIZE, attach, live, runs};
use super::interface::of_environment;
use super::names::{GENERATION, NODE};
use super::pace::Pace;
use super::security::{tag, tagged};
use super::volume::ROLE;
use super::wait::pause;
use super::{AwsProvider, interface, termination};
use crate::model::Node;
use crate::plan::Kind;
use crate::render::{BootPlaces, boot_script};

/// How long a fresh instance profile may be unknown to EC2: about 10 s.
const PROFILE_TRIES: u32 = 20;

/// Makes the machine of a node, waits until it runs, and attaches its data.
pub async fn create(
    aws: &AwsProvider<'_>,
    node: &Node,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let id = launch(aws, node, told).await?;
    aws.known.keep(Kind::Instance, node.name.as_str(), &id);
    runs(aws, node, &id, told).await?;
    attach(aws, node, &id).await
}

/// Launches with the node's token. One that belongs to a machine of the past is given up for that of the next
/// generation; the generation is written down first, so that dying in between is harmless.
async fn launch(
    aws: &AwsProvider<'_>,
    node: &Node,
    told: &(dyn Fn(&str) + Sync),
) -> Result<String, CloudError> {
    let (mut tries, mut waited) = (0, false);
    loop {
        match run(aws, node).await {
            Ok(id) => return Ok(id),
            Err(error) if error.is("IdempotentInstanceTerminated") => {
                next_generation(aws, node).await?;
            }
            // The file has changed since: the machine of then is either ours still, or gone and with it the token.
            Err(error) if error.is("IdempotentParameterMismatch") => {
                match live_of(aws, node).await? {
                    Some(id) => return Ok(id),
                    None => next_generation(aws, node).await?,
                }
            }
            // The machine before, which nobody sees any more, is not quite gone.
            Err(error) if error.is("InvalidNetworkInterface.InUse") && !waited => {
                waited = true;
                termination::wait_for_former(aws, node.name.as_str(), told).await?;
            }
            // The same token may be sent again; the profile takes a moment to be known.
            Err(error) if is_fresh_profile(&error) && tries < PROFILE_TRIES => {
                tries += 1;
                pause(Duration::from_secs(2)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The machine of a node that lives, if one does.
async fn live_of(aws: &AwsProvider<'_>, node: &Node) -> Result<Option<String>, CloudError> {
    let found = live(aws, of_environment(aws)).await?;
    let same = |instance: &&Instance| tag(instance.tags(), NODE) == Some(node.name.as_str());
    Ok(found.iter().find(same).and_then(|instance| instance.instance_id.clone()))
}

fn is_fresh_profile(error: &CloudError) -> bool {
    error.is("InvalidParameterValue")
        && (error.message.contains("Instance Profile")
            || error.message.contains("no associated IAM Roles"))
}

async fn next_generation(aws: &AwsProvider<'_>, node: &Node) -> Result<(), CloudError> {
    let next = aws.known.generation(node.name.as_str()) + 1;
    interface::note_generation(aws, node.name.as_str(), next, None).await
}

async fn run(aws: &AwsProvider<'_>, node: &Node) -> Result<String, CloudError> {
    let generation = aws.known.generation(node.name.as_str()).to_string();
    let key = aws.known.id(Kind::EncryptionKey, &aws.settings.volume.kms_key)?;
    let settings = aws.settings;
    let root = EbsBlockDevice::builder()
        .volume_size(ROOT_SIZE)
        .volume_type(VolumeType::Gp3)
        .encrypted(true)
        .kms_key_id(key)
        .delete_on_termination(true)
        .build();
    let interface = InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .network_interface_id(aws.known.id(Kind::NetworkInterface, node.name.as_str())?)
        .build();
    let metadata = InstanceMetadataOptionsRequest::builder()
        .http_tokens(HttpTokensState::Required)
        .http_put_response_hop_limit(1)
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .build();
    let name = format!("{}-{}", aws.names.stem(), node.name);
    let more =
        [("Name", name.as_str()), (NODE, node.name.as_str()), (GENERATION, generation.as_str())];
    let root_tags = [("Name", name.as_str()), (NODE, node.name.as_str()), (ROLE, "root")];
    let profile = IamInstanceProfileSpecification::builder().name(aws.names.role(node)).build();
    let script = boot(aws, node)?;
    aws.pacer.turn(Pace::Launch).await;
    let call = aws
        .clients
        .ec2
        .run_instances()
        .client_token(aws.names.token(&[
            "instance",
            node.name.as_str(),
            &generation,
            &settings.image,
        ]))
        .min_count(1)
        .max_count(1)
        .image_id(&settings.image)
        .instance_type(InstanceType::from(settings.instance_type.as_str()))
        // A token counts in one zone once that is named; with an interface alone, it would not be.
        .placement(Placement::builder().availability_zone(node.zone.as_str()).build())
        .network_interfaces(interface)
        .block_device_mappings(
            BlockDeviceMapping::builder().device_name(ROOT_DEVICE).ebs(root).build(),
        )
        .iam_instance_profile(profile)
        .metadata_options(metadata)
        .disable_api_termination(true)
        .user_data(BASE64.encode(script.as_bytes()))
        .instance_initiated_shutdown_behavior(ShutdownBehavior::Stop)
        .tag_specifications(tagged(aws, ResourceType::Instance, &more))
        .tag_specifications(tagged(aws, ResourceType::Volume, &root_tags));
    let answer = call.send().await.of("RunInstances")?;
    let instance = answer.instances.unwrap_or_default().into_iter().next();
    Ok(instance.and_then(|instance| instance.instance_id).unwrap_or_default())
}

/// The user data, which names the node's own volume.
fn boot(aws: &AwsProvider<'_>, node: &Node) -> Result<String, CloudError> {
    let (bucket, volume) = (aws.names.bucket(), aws.known.id(Kind::Volume, node.name.as_str())?);
    let places = BootPlaces { bucket: &bucket, region: &aws.settings.region, volume: &volume };
    boot_script(aws.cluster, node, &places).map_err(super::bucket::built)
}
