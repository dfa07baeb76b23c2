//! The users of the cache, and the group that the cache lets in.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_elasticache::types::{AuthenticationMode, InputAuthenticationType, User, UserGroup};

use super::AwsProvider;
use super::access::gone_or;
use super::cache_subnets::{exists_or, tags};
use super::error::{Answer as _, CloudClass, CloudError};
use super::names::{ENVIRONMENT, NOBODY, Names};
use super::wait::{Look, until};
use crate::model::{Cluster, Service};
use crate::plan::{Kind, OnChange, Record, RecordId};
use crate::provider::Means;
use crate::render::cache_access;
use crate::secrets::{Beside, Index, KeyName};

/// Every group must have a user of this name; ours may do nothing.
const DEFAULT: &str = "default";
/// The rules of a user who may do nothing.
const NOTHING: &str = "off -@all";
/// What AWS calls the engine.
pub const ENGINE: &str = "redis";
/// How long a change of users takes: seconds while there are few.
const SETTLES: Duration = Duration::from_secs(60);

const FOREIGN: &str = "somebody else's user has this id";
const FOREIGN_GROUP: &str = "somebody else's group of users has this id";

/// A user of the cache.
struct CacheUser {
    /// Its name.
    name: String,
    /// Its rules, as ElastiCache takes them.
    access: String,
}

fn users(cluster: &Cluster) -> Vec<CacheUser> {
    let service = |service: &Service| CacheUser {
        name: service.name.to_string(),
        access: cache_access(service),
    };
    let nobody = CacheUser { name: DEFAULT.to_owned(), access: NOTHING.to_owned() };
    std::iter::once(nobody).chain(cluster.cache_users().map(service)).collect()
}

fn members(names: Names<'_>, cluster: &Cluster) -> BTreeSet<String> {
    users(cluster).iter().map(|user| names.cache_user(&user.name)).collect()
}

fn list(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// How many passwords a user should have: which they are can't be seen.
fn passwords(user: &CacheUser, index: &Index) -> String {
    let before = KeyName::redis_user(&user.name).beside(Beside::Retiring);
    let count = match index.public(&before) {
        _ if user.name == DEFAULT => 0,
        Some(_) => 2,
        None => 1,
    };
    count.to_string()
}

/// What users and their group should be.
pub fn desired(names: Names<'_>, cluster: &Cluster, index: &Index) -> Vec<Record> {
    if cluster.redis.is_none() {
        return Vec::new();
    }
    let mut records = Vec::new();
    for user in users(cluster) {
        records.push(
            Record::new(RecordId::new(Kind::CacheUser, names.cache_user(&user.name)))
                .field("owner", names.environment(), OnChange::Forbidden(FOREIGN))
                .field("name", &user.name, OnChange::Forbidden(FOREIGN))
                .field("access", &user.access, OnChange::InPlace)
                .field("passwords", passwords(&user, index), OnChange::InPlace)
                .complete(),
        );
    }
    let members = members(names, cluster);
    records.push(
        Record::new(RecordId::new(Kind::CacheUserGroup, names.stem()))
            .field("owner", names.environment(), OnChange::Forbidden(FOREIGN_GROUP))
            .field("users", list(&members), OnChange::InPlace)
            .needs(members.iter().map(|id| RecordId::new(Kind::CacheUser, id)))
            .complete(),
    );
    records
}

/// Looks at the users of the cache, and at their group. Users that nobody asks for any more are among them.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Vec<Record>, CloudError> {
    if aws.cluster.redis.is_none() {
        return Ok(Vec::new());
    }
    let (users, group) = tokio::join!(look(aws), group(aws));
    let (users, group) = (users?, group?);
    let mut records = Vec::new();
    let mut ours = None;
    if let Some(group) = &group {
        let owner = owner(aws, group.arn()).await?;
        ours = (owner == aws.names.environment()).then(|| aws.names.stem());
        let members = group.user_ids().iter().cloned().collect();
        records.push(
            Record::new(RecordId::new(Kind::CacheUserGroup, aws.names.stem()))
                .field("owner", owner, OnChange::InPlace)
                .field("users", list(&members), OnChange::InPlace)
                .complete(),
        );
    }
    let wanted = members(aws.names, aws.cluster);
    for user in &users {
        let id = user.user_id().unwrap_or_default();
        let asked_for = wanted.contains(id);
        let mut groups = user.user_group_ids().iter();
        // Who should be in our group, and is, is ours; of anybody else only the tags tell, in a call for each.
        let owner =
            if asked_for && ours.is_some() && groups.any(|group| Some(group) == ours.as_ref()) {
                aws.names.environment().to_owned()
            } else if asked_for
                || (aws.names.is_ours(id) && groups.all(|group| Some(group) == ours.as_ref()))
            {
                owner(aws, user.arn()).await?
            } else {
                continue;
            };
        if asked_for || owner == aws.names.environment() {
            records.push(seen(id, user, owner));
        }
    }
    Ok(records)
}

fn seen(id: &str, user: &User, owner: String) -> Record {
    Record::new(RecordId::new(Kind::CacheUser, id))
        .field("owner", owner, OnChange::InPlace)
        .field("name", user.user_name().unwrap_or_default(), OnChange::InPlace)
        .field("access", user.access_string().unwrap_or_default(), OnChange::InPlace)
        .field("passwords", password_count(user), OnChange::InPlace)
        .complete()
}

/// Every user of the region.
async fn look(aws: &AwsProvider<'_>) -> Result<Vec<User>, CloudError> {
    let users = aws.clients.cache.describe_users().into_paginator().items().send();
    match users.collect::<Result<Vec<_>, _>>().await.of("DescribeUsers") {
        Err(error) if error.is_missing() => Ok(Vec::new()),
        users => users,
    }
}

/// Our group; none where there is none.
async fn group(aws: &AwsProvider<'_>) -> Result<Option<UserGroup>, CloudError> {
    let call = aws.clients.cache.describe_user_groups().user_group_id(aws.names.stem());
    match call.send().await.of("DescribeUserGroups") {
        Err(error) if error.is_missing() => Ok(None),
        answer => Ok(answer?.user_groups.unwrap_or_default().into_iter().next()),
    }
}

/// Whose a thing is, by its tag.
async fn owner(aws: &AwsProvider<'_>, arn: Option<&str>) -> Result<String, CloudError> {
    let call = aws.clients.cache.list_tags_for_resource().resource_name(arn.unwrap_or_default());
    let tags = match call.send().await.of("ListTagsForResource") {
        // It went in this moment.
        Err(error) if error.is_missing() => None,
        answer => answer?.tag_list,
    };
    let mark = tags.unwrap_or_default().into_iter().find(|tag| tag.key() == Some(ENVIRONMENT));
    Ok(mark.and_then(|tag| tag.value).unwrap_or(NOBODY.to_owned()))
}

fn find(aws: &AwsProvider<'_>, id: &str) -> Result<CacheUser, CloudError> {
    let found = users(aws.cluster).into_iter().find(|user| aws.names.cache_user(&user.name) == id);
    found.ok_or_else(|| {
        CloudError::found("look", CloudClass::Other, format!("there is no user {id}"))
    })
}

/// How many passwords a user has.
fn password_count(user: &User) -> String {
    let count = user.authentication().and_then(|authentication| authentication.password_count());
    count.unwrap_or_default().to_string()
}

/// How a user signs in: with any of its passwords, or not at all.
fn mode(user: &CacheUser, means: &Means<'_>) -> Result<AuthenticationMode, CloudError> {
    let mode = AuthenticationMode::builder();
    if user.name == DEFAULT {
        return Ok(mode.r#type(InputAuthenticationType::NoPassword).build());
    }
    let passwords = means.supply.passwords(means.index, &user.name);
    let passwords =
        passwords.map_err(|reason| CloudError::found("look", CloudClass::Other, reason))?;
    let mode = mode.r#type(InputAuthenticationType::Password);
    let mode = passwords.iter().fold(mode, |mode, password| mode.passwords(password.expose()));
    Ok(mode.build())
}

/// Makes a user, with its password.
pub async fn create_user(
    aws: &AwsProvider<'_>,
    id: &str,
    means: &Means<'_>,
) -> Result<(), CloudError> {
    let user = find(aws, id)?;
    let call = aws
        .clients
        .cache
        .create_user()
        .user_id(id)
        .user_name(&user.name)
        .engine(ENGINE)
        .access_string(&user.access)
        .authentication_mode(mode(&user, means)?)
        .set_tags(Some(tags(aws)));
    exists_or(call.send().await.of("CreateUser"))
}

/// Gives a user its rules and passwords again, and waits until it has them: meanwhile AWS refuses every further change.
pub async fn update_user(
    aws: &AwsProvider<'_>,
    id: &str,
    means: &Means<'_>,
) -> Result<(), CloudError> {
    let user = find(aws, id)?;
    let call = aws.clients.cache.modify_user().user_id(id).authentication_mode(mode(&user, means)?);
    call.access_string(user.access).send().await.of("ModifyUser")?;
    until(&format!("the user {id}"), SETTLES, means.told, async || {
        let status = user_status(aws, id).await?.unwrap_or("not seen yet".to_owned());
        Ok(if status == "active" { Look::Ready } else { Look::NotYet(status) })
    })
    .await
}

/// Makes the group.
pub async fn create_group(
    aws: &AwsProvider<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let members = members(aws.names, aws.cluster).into_iter().collect();
    let call = aws
        .clients
        .cache
        .create_user_group()
        .user_group_id(aws.names.stem())
        .engine(ENGINE)
        .set_user_ids(Some(members))
        .set_tags(Some(tags(aws)));
    exists_or(call.send().await.of("CreateUserGroup"))?;
    active(aws, told).await
}

/// A group serves once it is active.
pub async fn active(aws: &AwsProvider<'_>, told: &(dyn Fn(&str) + Sync)) -> Result<(), CloudError> {
    until("the users of the cache", SETTLES, told, async || {
        let status = group_status(aws).await?.unwrap_or("not seen yet".to_owned());
        Ok(if status == "active" { Look::Ready } else { Look::NotYet(status) })
    })
    .await
}

/// Adds and removes members.
pub async fn update_group(
    aws: &AwsProvider<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let found = group(aws).await?.and_then(|group| group.user_ids).unwrap_or_default();
    let found: BTreeSet<String> = found.into_iter().collect();
    let wanted = members(aws.names, aws.cluster);
    let list = |ids: Vec<String>| (!ids.is_empty()).then_some(ids);
    let call = aws
        .clients
        .cache
        .modify_user_group()
        .user_group_id(aws.names.stem())
        .set_user_ids_to_add(list(wanted.difference(&found).cloned().collect()))
        .set_user_ids_to_remove(list(found.difference(&wanted).cloned().collect()));
    call.send().await.of("ModifyUserGroup")?;
    active(aws, told).await
}

/// The state of the group; none where there is no group.
async fn group_status(aws: &AwsProvider<'_>) -> Result<Option<String>, CloudError> {
    Ok(group(aws).await?.and_then(|group| group.status))
}

/// The state of a user; none where there is no such user.
async fn user_status(aws: &AwsProvider<'_>, id: &str) -> Result<Option<String>, CloudError> {
    match aws.clients.cache.describe_users().user_id(id).send().await.of("DescribeUsers") {
        Err(error) if error.is_missing() => Ok(None),
        answer => Ok(answer?.users().first().and_then(|user| user.status.clone())),
    }
}

/// Removes the group, and waits until its users are free. One that is on its way out already is refused by AWS, so it is
/// looked at first.
pub async fn delete_group(
    aws: &AwsProvider<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    until("the users of the cache", SETTLES, told, async || {
        let status = group_status(aws).await?;
        if status.as_deref() == Some("active") {
            let call = aws.clients.cache.delete_user_group().user_group_id(aws.names.stem());
            gone_or(call.send().await.of("DeleteUserGroup"))?;
        }
        Ok(status.map_or(Look::Ready, Look::NotYet))
    })
    .await
}

/// Removes a user, and waits until its id is free: an apply right afterwards makes it again.
pub async fn delete_user(
    aws: &AwsProvider<'_>,
    id: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    until(&format!("the user {id}"), SETTLES, told, async || {
        let status = user_status(aws, id).await?;
        if status.as_deref() == Some("active") {
            gone_or(aws.clients.cache.delete_user().user_id(id).send().await.of("DeleteUser"))?;
        }
        Ok(status.map_or(Look::Ready, Look::NotYet))
    })
    .await
}
