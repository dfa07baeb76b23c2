//! A role and an instance profile for each node: it may read its own bundle, and nobody else's.
//!
//! Policies that somebody adds to a role are seen with `--deep` alone, since no list tells them. They widen what a machine may
//! do, so they go.

use std::collections::BTreeSet;

use aws_sdk_iam::types::{AttachedPolicy, Role, Tag};
use serde_json::{Value, json};

use super::AwsProvider;
use super::bucket::built;
use super::error::{Answer as _, CloudClass, CloudError};
use super::names::{ENVIRONMENT, NOBODY, Names, digest};
use crate::model::{Cluster, Node};
use crate::plan::{Kind, OnChange, Record, RecordId};
use crate::policy::{self, Scope};

/// The only inline policy of a role.
const POLICY: &str = "node";

/// What stands for no policy.
const NONE: &str = "none";

const FOREIGN: &str = "somebody else's role has this name";

/// The largest page of IAM: two hundred nodes need no second one.
const PAGE: i32 = 1000;

fn trust() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    })
}

/// What a node's machine may do, as IAM takes it.
fn node_policy(cluster: &Cluster, node: &Node) -> String {
    let policy = Scope::of(cluster).map(|scope| json!(policy::node(&scope, &node.name)));
    policy.unwrap_or_default().to_string()
}

/// The description carries a digest of the policy: the list of roles tells it, the policies would take a call each.
fn description(names: Names<'_>, cluster: &Cluster, node: &Node) -> String {
    let policy = node_policy(cluster, node);
    format!("{}: {}, policy {}", names.mark(), node.name, &digest(&policy)[..16])
}

/// What the roles should be.
pub fn desired<'a>(names: Names<'a>, cluster: &'a Cluster) -> impl Iterator<Item = Record> + 'a {
    cluster.nodes.iter().map(move |node| {
        Record::new(RecordId::new(Kind::Role, &node.name))
            .field("owner", names.environment(), OnChange::Forbidden(FOREIGN))
            .field("trust", trust(), OnChange::InPlace)
            .field("policy", description(names, cluster, node), OnChange::InPlace)
            .field("other_policies", NONE, OnChange::InPlace)
            .field("profile", "present", OnChange::InPlace)
            .complete()
    })
}

/// Looks at the roles, in two calls however many there are. With `deep`, each policy is read as well.
pub async fn observe(aws: &AwsProvider<'_>, deep: bool) -> Result<Vec<Record>, CloudError> {
    let (iam, path) = (&aws.clients.iam, aws.names.path());
    let roles = iam.list_roles().path_prefix(&path).max_items(PAGE).into_paginator().items().send();
    let profiles = iam
        .list_instance_profiles()
        .path_prefix(&path)
        .max_items(PAGE)
        .into_paginator()
        .items()
        .send();
    let (roles, profiles) =
        tokio::join!(roles.collect::<Result<Vec<_>, _>>(), profiles.collect::<Result<Vec<_>, _>>());
    let whole: BTreeSet<String> = profiles
        .of("ListInstanceProfiles")?
        .iter()
        .filter(|profile| {
            profile.roles().iter().any(|role| role.role_name() == profile.instance_profile_name())
        })
        .map(|profile| profile.instance_profile_name().to_owned())
        .collect();
    let mut records = Vec::new();
    for role in roles.of("ListRoles")? {
        let Some(name) = aws.names.node_of_role(role.role_name()) else {
            continue;
        };
        let Some(node) = aws.cluster.nodes.iter().find(|node| node.name.as_str() == name) else {
            let left = Record::new(RecordId::new(Kind::Role, name));
            records.push(left.field("owner", owner(aws, &role).await?, OnChange::InPlace));
            continue;
        };
        let mut record = Record::new(RecordId::new(Kind::Role, &node.name)).complete();
        record = record.field("owner", owner(aws, &role).await?, OnChange::InPlace);
        record = record.field(
            "trust",
            document(role.assume_role_policy_document().unwrap_or_default()),
            OnChange::InPlace,
        );
        let policy = if deep { policy_in_force(aws, node).await? } else { None };
        let policy = policy.or(role.description().map(str::to_owned));
        record = record.field("policy", policy.unwrap_or_default(), OnChange::InPlace);
        let others =
            if deep { others(aws, role.role_name()).await?.words() } else { NONE.to_owned() };
        record = record.field("other_policies", others, OnChange::InPlace);
        if whole.contains(role.role_name()) {
            record = record.field("profile", "present", OnChange::InPlace);
        }
        records.push(record);
    }
    Ok(records)
}

/// Whose a role is. Its description proves that it is ours; where that says something else, its tags tell, in a call.
async fn owner(aws: &AwsProvider<'_>, role: &Role) -> Result<String, CloudError> {
    let ours = format!("{}: ", aws.names.mark());
    if role.description().is_some_and(|description| description.starts_with(&ours)) {
        return Ok(aws.names.environment().to_owned());
    }
    let call = aws.clients.iam.list_role_tags().role_name(role.role_name());
    let tags = call.send().await.of("ListRoleTags")?.tags;
    let mark = tags.iter().find(|tag| tag.key() == ENVIRONMENT).map(Tag::value);
    Ok(mark.unwrap_or(NOBODY).to_owned())
}

/// What is wrong with the policy that the role really has; none where it is ours.
async fn policy_in_force(aws: &AwsProvider<'_>, node: &Node) -> Result<Option<String>, CloudError> {
    let call =
        aws.clients.iam.get_role_policy().role_name(aws.names.role(node)).policy_name(POLICY);
    match call.send().await.of("GetRolePolicy") {
        Ok(answer) => {
            let found = document(answer.policy_document());
            let ours = node_policy(aws.cluster, node);
            Ok((found != ours).then_some(found))
        }
        Err(error) if error.is_missing() => Ok(Some(NONE.to_owned())),
        Err(error) => Err(error),
    }
}

/// The policies that somebody has added to a role.
struct Others {
    inline: Vec<String>,
    attached: Vec<AttachedPolicy>,
}

impl Others {
    fn words(&self) -> String {
        let attached = self.attached.iter().filter_map(AttachedPolicy::policy_arn);
        let all: Vec<&str> = self.inline.iter().map(String::as_str).chain(attached).collect();
        if all.is_empty() { NONE.to_owned() } else { all.join(", ") }
    }
}

async fn others(aws: &AwsProvider<'_>, role: &str) -> Result<Others, CloudError> {
    let iam = &aws.clients.iam;
    let inline = iam.list_role_policies().role_name(role).into_paginator().items().send();
    let attached =
        iam.list_attached_role_policies().role_name(role).into_paginator().items().send();
    let (inline, attached) = tokio::join!(
        inline.collect::<Result<Vec<_>, _>>(),
        attached.collect::<Result<Vec<_>, _>>()
    );
    let mut inline = inline.of("ListRolePolicies")?;
    inline.retain(|policy| policy != POLICY);
    Ok(Others { inline, attached: attached.of("ListAttachedRolePolicies")? })
}

/// Takes away what somebody has added.
async fn remove_others(aws: &AwsProvider<'_>, role: &str) -> Result<(), CloudError> {
    let iam = &aws.clients.iam;
    let Others { inline, attached } = others(aws, role).await?;
    for policy in inline {
        let call = iam.delete_role_policy().role_name(role).policy_name(policy);
        gone_or(call.send().await.of("DeleteRolePolicy"))?;
    }
    for policy in attached {
        let call = iam.detach_role_policy().role_name(role).set_policy_arn(policy.policy_arn);
        gone_or(call.send().await.of("DetachRolePolicy"))?;
    }
    Ok(())
}

/// A policy as IAM gives it, percent-encoded, in our own order of keys.
fn document(text: &str) -> String {
    let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    serde_json::from_str::<Value>(&text).map_or(text, |policy| policy.to_string())
}

/// Gives a role what differs.
pub async fn update(aws: &AwsProvider<'_>, node: &Node, fields: &[&str]) -> Result<(), CloudError> {
    if fields.contains(&"other_policies") {
        remove_others(aws, &aws.names.role(node)).await?;
    }
    if fields == ["other_policies"] { Ok(()) } else { settle(aws, node).await }
}

/// Makes a role with its policy and its instance profile, or gives it what it lacks. Every call may be repeated.
pub async fn settle(aws: &AwsProvider<'_>, node: &Node) -> Result<(), CloudError> {
    let (iam, name, path) = (&aws.clients.iam, aws.names.role(node), aws.names.path());
    let description = description(aws.names, aws.cluster, node);
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags = tags.collect::<Result<Vec<_>, _>>().map_err(built)?;
    let call = iam
        .create_role()
        .role_name(&name)
        .path(&path)
        .description(&description)
        .assume_role_policy_document(trust().to_string())
        .set_tags(Some(tags.clone()));
    match call.send().await.of("CreateRole") {
        Err(error) if error.is("EntityAlreadyExists") => is_ours(aws, &name).await?,
        answer => answer.map(drop)?,
    }
    let policy = node_policy(aws.cluster, node);
    let call =
        iam.update_assume_role_policy().role_name(&name).policy_document(trust().to_string());
    call.send().await.of("UpdateAssumeRolePolicy")?;
    let call = iam.put_role_policy().role_name(&name).policy_name(POLICY).policy_document(policy);
    call.send().await.of("PutRolePolicy")?;
    let call =
        iam.create_instance_profile().instance_profile_name(&name).path(&path).set_tags(Some(tags));
    exists_or(call.send().await.of("CreateInstanceProfile"))?;
    // A profile holds one role, and refuses a second one with a limit: that of a call whose answer was lost, too.
    if !holds_its_role(aws, &name).await? {
        let call = iam.add_role_to_instance_profile().instance_profile_name(&name).role_name(&name);
        match call.send().await.of("AddRoleToInstanceProfile") {
            Err(error) if !holds_its_role(aws, &name).await? => return Err(error),
            _ => {}
        }
    }
    // Last, since it says that the policy is in force.
    iam.update_role()
        .role_name(&name)
        .description(description)
        .send()
        .await
        .of("UpdateRole")
        .map(drop)
}

/// Names of roles are unique in an account whatever their path, so one of our name may be somebody else's.
async fn is_ours(aws: &AwsProvider<'_>, name: &str) -> Result<(), CloudError> {
    let roles = aws.clients.iam.list_roles().path_prefix(aws.names.path()).max_items(PAGE);
    let roles = roles.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    if roles.of("ListRoles")?.iter().any(|role| role.role_name() == name) {
        return Ok(());
    }
    let message = format!("somebody else's role is called {name}");
    Err(CloudError::found("CreateRole", CloudClass::World, message))
}

/// Whether an instance profile has its role. Names of profiles are unique like those of roles, so one may be somebody else's.
async fn holds_its_role(aws: &AwsProvider<'_>, name: &str) -> Result<bool, CloudError> {
    let call = aws.clients.iam.get_instance_profile().instance_profile_name(name);
    let profile = call.send().await.of("GetInstanceProfile")?.instance_profile;
    if profile.as_ref().is_some_and(|profile| profile.path() != aws.names.path()) {
        let message = format!("somebody else's instance profile is called {name}");
        return Err(CloudError::found("GetInstanceProfile", CloudClass::World, message));
    }
    Ok(profile.is_some_and(|profile| profile.roles().iter().any(|role| role.role_name() == name)))
}

fn exists_or<T>(answer: Result<T, CloudError>) -> Result<(), CloudError> {
    match answer {
        Err(error) if !error.is("EntityAlreadyExists") => Err(error),
        _ => Ok(()),
    }
}

/// Removes a role with what belongs to it.
pub async fn delete(aws: &AwsProvider<'_>, node: &str) -> Result<(), CloudError> {
    let (iam, name) = (&aws.clients.iam, aws.names.role_of(node));
    let call =
        iam.remove_role_from_instance_profile().instance_profile_name(&name).role_name(&name);
    gone_or(call.send().await.of("RemoveRoleFromInstanceProfile"))?;
    gone_or(
        iam.delete_instance_profile()
            .instance_profile_name(&name)
            .send()
            .await
            .of("DeleteInstanceProfile"),
    )?;
    gone_or(
        iam.delete_role_policy()
            .role_name(&name)
            .policy_name(POLICY)
            .send()
            .await
            .of("DeleteRolePolicy"),
    )?;
    // No role goes while somebody else's policy is attached to it.
    gone_or(remove_others(aws, &name).await)?;
    gone_or(iam.delete_role().role_name(&name).send().await.of("DeleteRole"))
}

/// What is gone already need not go.
pub fn gone_or<T>(answer: Result<T, CloudError>) -> Result<(), CloudError> {
    match answer {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}
