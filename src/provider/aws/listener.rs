//! The listeners of the load balancer: each passes the connections of its port to its target group.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ProtocolEnum, Tag};

use super::AwsProvider;
use super::access::gone_or;
use super::error::{Answer as _, CloudError};
use super::names::Names;
use super::target_group::Door;
use crate::model::Cluster;
use crate::plan::{Kind, OnChange, Record, RecordId};

/// What the listeners should be.
pub fn desired<'a>(names: Names<'a>, cluster: &'a Cluster) -> impl Iterator<Item = Record> + 'a {
    Door::ALL.into_iter().map(move |door| {
        let word = door.word();
        Record::new(RecordId::new(Kind::Listener, word))
            .field("port", door.port(&cluster.ports), OnChange::InPlace)
            .field("protocol", "TCP", OnChange::InPlace)
            .field("target_group", word, OnChange::InPlace)
            .needs([
                RecordId::new(Kind::LoadBalancer, names.stem()),
                RecordId::new(Kind::TargetGroup, word),
            ])
            .complete()
    })
}

/// Looks at the listeners, after the load balancer and the target groups.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Vec<Record>, CloudError> {
    let Some(arn) = aws.known.get(Kind::LoadBalancer, &aws.names.stem()) else {
        return Ok(Vec::new());
    };
    let pages =
        aws.clients.elb.describe_listeners().load_balancer_arn(arn).into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.of("DescribeListeners")?;
    let mut records = Vec::new();
    for listener in found {
        let port = listener.port().unwrap_or_default();
        let target =
            listener.default_actions().first().and_then(|action| action.target_group_arn());
        let target =
            target.map(|arn| aws.known.name_of(Kind::TargetGroup, arn).unwrap_or(arn.to_owned()));
        let door =
            Door::ALL.into_iter().find(|door| i32::from(door.port(&aws.cluster.ports)) == port);
        let name = door.map_or(port.to_string(), |door| door.word().to_owned());
        aws.known.keep(Kind::Listener, &name, listener.listener_arn().unwrap_or_default());
        records.push(
            Record::new(RecordId::new(Kind::Listener, name))
                .field("port", port, OnChange::InPlace)
                .field(
                    "protocol",
                    listener.protocol().map_or("unknown", ProtocolEnum::as_str),
                    OnChange::InPlace,
                )
                .field("target_group", target.unwrap_or("none".to_owned()), OnChange::InPlace)
                .complete(),
        );
    }
    Ok(records)
}

fn forward(aws: &AwsProvider<'_>, door: Door) -> Result<Action, CloudError> {
    let target = aws.known.id(Kind::TargetGroup, door.word())?;
    let action = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(target);
    Ok(action.build())
}

/// Makes a listener; one with equal settings is given back by AWS.
pub async fn create(aws: &AwsProvider<'_>, door: Door) -> Result<(), CloudError> {
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let answer = aws
        .clients
        .elb
        .create_listener()
        .load_balancer_arn(aws.known.id(Kind::LoadBalancer, &aws.names.stem())?)
        .protocol(ProtocolEnum::Tcp)
        .port(door.port(&aws.cluster.ports).into())
        .default_actions(forward(aws, door)?)
        .set_tags(Some(tags))
        .send()
        .await
        .of("CreateListener")?;
    let arn = answer.listeners().first().and_then(|listener| listener.listener_arn());
    aws.known.keep(Kind::Listener, door.word(), arn.unwrap_or_default());
    Ok(())
}

/// Has a listener pass to its own target group again.
pub async fn update(aws: &AwsProvider<'_>, door: Door) -> Result<(), CloudError> {
    let arn = aws.known.id(Kind::Listener, door.word())?;
    let call = aws.clients.elb.modify_listener().listener_arn(arn).protocol(ProtocolEnum::Tcp);
    let call = call.port(door.port(&aws.cluster.ports).into()).default_actions(forward(aws, door)?);
    call.send().await.of("ModifyListener").map(drop)
}

/// Removes a listener.
pub async fn delete(aws: &AwsProvider<'_>, name: &str) -> Result<(), CloudError> {
    let arn = aws.known.id(Kind::Listener, name)?;
    gone_or(aws.clients.elb.delete_listener().listener_arn(arn).send().await.of("DeleteListener"))
}
