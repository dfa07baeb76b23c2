//! The end of a machine. Its interface and its data stay.

use std::time::Duration;

use aws_sdk_ec2::types::{Filter, InstanceStateName};

use super::AwsProvider;
use super::error::{Answer as _, CloudClass, CloudError};
use super::instance::{protect, state};
use super::interface::of_environment;
use super::names::NODE;
use super::wait::{Look, until};
use crate::plan::Kind;

/// How long a machine takes to go: 20 to 31 s in the logs of others.
const TO_GO: Duration = Duration::from_secs(60);

/// What a machine needs to stop besides its server's lame duck.
const TO_STOP: Duration = Duration::from_secs(120);

/// Stops a machine, so that systemd has its server leave by lame duck. One that can't stop is terminated as it is.
pub async fn stop(
    aws: &AwsProvider<'_>,
    node: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::Instance, node)?;
    let asked = aws.clients.ec2.stop_instances().instance_ids(&id).send().await;
    match asked.of("StopInstances") {
        // It is on its way out already, or has not begun.
        Err(error) if error.is("IncorrectInstanceState") => return Ok(()),
        asked => asked?,
    };
    // A wait ends after four times what is usual.
    let usual = (aws.cluster.lame_duck.duration.duration() + TO_STOP) / 4;
    let what = format!("the machine of {node}, whose clients leave");
    match state(aws, &what, &id, usual, &InstanceStateName::Stopped, told).await {
        Err(error) if matches!(error.class, CloudClass::Late | CloudClass::Ended) => {
            told(&format!("the machine of {node} does not stop and is terminated as it is"));
            Ok(())
        }
        outcome => outcome,
    }
}

/// Terminates a machine and waits until it is gone, so that its interface and its volume are free.
pub async fn delete(
    aws: &AwsProvider<'_>,
    node: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let id = aws.known.id(Kind::Instance, node)?;
    protect(aws, &id, false).await?;
    aws.clients
        .ec2
        .terminate_instances()
        .instance_ids(&id)
        .send()
        .await
        .of("TerminateInstances")?;
    // Shutting down is not gone: the interface is still taken.
    let states = ["pending", "running", "stopping", "stopped", "shutting-down"];
    gone(aws, node, &[filter("instance-id", [&id]), filter("instance-state-name", states)], told)
        .await
}

/// Waits for machines of a node that are on their way out, and still have its interface.
pub async fn wait_for_former(
    aws: &AwsProvider<'_>,
    node: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let of_node = filter(&format!("tag:{NODE}"), [node]);
    let leaving = filter("instance-state-name", ["shutting-down"]);
    gone(aws, node, &[of_environment(aws), of_node, leaving], told).await
}

async fn gone(
    aws: &AwsProvider<'_>,
    node: &str,
    filters: &[Filter],
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    until(&format!("the machine of {node}"), TO_GO, told, async || {
        let call = aws.clients.ec2.describe_instances().set_filters(Some(filters.to_vec()));
        let left = call.send().await.of("DescribeInstances")?;
        let gone = left.reservations().is_empty();
        Ok(if gone { Look::Ready } else { Look::NotYet("shutting-down".to_owned()) })
    })
    .await
}

fn filter<const N: usize>(name: &str, values: [&str; N]) -> Filter {
    let values = values.map(str::to_owned).into();
    Filter::builder().name(name).set_values(Some(values)).build()
}
