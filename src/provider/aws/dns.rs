//! The private zone, and the names under which clients find the cluster. Certificates carry the same names.

use std::time::Duration;

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, HostedZoneConfig,
    ResourceRecordSet, RrType, Tag, TagResourceType, Vpc, VpcRegion,
};

use super::AwsProvider;
use super::bucket::built;
use super::error::{Answer as _, CloudClass, CloudError};
use super::load_balancer::DNS;
use super::names::Names;
use super::pace::Pace;
use super::wait::{Look, until};
use crate::model::{AwsSettings, Cluster};
use crate::plan::{Kind, OnChange, Record, RecordId};

/// About 35 s in the logs of others.
const TO_SYNC: Duration = Duration::from_secs(60);

/// What the zone and its records should be.
pub fn desired(names: Names<'_>, cluster: &Cluster, settings: &AwsSettings) -> Vec<Record> {
    let zone = RecordId::new(Kind::Zone, &settings.dns_zone);
    let owner = "somebody else's zone of this name serves the network";
    let mut records = vec![
        Record::new(zone.clone())
            .field("owner", names.mark(), OnChange::Forbidden(owner))
            .field(
                "visibility",
                "private",
                OnChange::Forbidden("a zone stays public or private for good"),
            )
            .complete(),
    ];
    records.extend(cluster.service_names.iter().map(|name| {
        Record::new(RecordId::new(Kind::DnsRecord, name))
            .field("type", "A", OnChange::InPlace)
            .field("target", "the load balancer", OnChange::InPlace)
            .needs([zone.clone(), RecordId::new(Kind::LoadBalancer, names.stem())])
            .complete()
    }));
    records
}

/// Looks at the zone and its records, after the load balancer.
pub async fn observe(aws: &AwsProvider<'_>) -> Result<Vec<Record>, CloudError> {
    let Some((id, record)) = find(aws).await? else {
        return Ok(Vec::new());
    };
    aws.known.keep(Kind::Zone, &aws.settings.dns_zone, &id);
    let mut records = vec![record];
    aws.pacer.turn(Pace::Dns).await;
    let answer = aws.clients.route53.list_resource_record_sets().hosted_zone_id(id).send().await;
    let sets = answer.of("ListResourceRecordSets")?.resource_record_sets;
    let balancer = aws.known.get(Kind::LoadBalancer, DNS).unwrap_or_default();
    let balancer = balancer.split_once(' ').map_or("", |(name, _)| name);
    // Other types may stand beside ours under the same name, and are nobody's business here.
    for set in sets.iter().filter(|set| matches!(set.r#type(), RrType::A | RrType::Cname)) {
        let name = set.name().trim_end_matches('.');
        let target = match set.alias_target() {
            Some(alias) if same_name(alias.dns_name(), balancer) => "the load balancer".to_owned(),
            Some(alias) => alias.dns_name().to_owned(),
            None => {
                set.resource_records().iter().map(|one| one.value()).collect::<Vec<_>>().join(", ")
            }
        };
        records.push(
            Record::new(RecordId::new(Kind::DnsRecord, name))
                .field("type", set.r#type().as_str(), OnChange::InPlace)
                .field("target", target, OnChange::InPlace)
                .complete(),
        );
    }
    Ok(records)
}

/// Route 53 writes names in lower case, with a dot at the end, and sometimes with a prefix for both kinds of addresses.
fn same_name(a: &str, b: &str) -> bool {
    let plain = |name: &str| {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name.strip_prefix("dualstack.").map_or(name.clone(), str::to_owned)
    };
    !b.is_empty() && plain(a) == plain(b)
}

/// The private zone of our name, and its id.
async fn find(aws: &AwsProvider<'_>) -> Result<Option<(String, Record)>, CloudError> {
    let name = format!("{}.", aws.settings.dns_zone);
    aws.pacer.turn(Pace::Dns).await;
    let answer = aws.clients.route53.list_hosted_zones_by_name().dns_name(&name).send().await;
    let zones = answer.of("ListHostedZonesByName")?.hosted_zones;
    let private =
        |config: Option<&HostedZoneConfig>| config.is_some_and(HostedZoneConfig::private_zone);
    let same = zones.iter().filter(|zone| zone.name() == name);
    // A public zone of the same name is another matter.
    let mut same: Vec<_> = same.filter(|zone| private(zone.config())).collect();
    // Ours first: other networks of the account may have a private zone of this name too.
    let comment = aws.names.mark();
    same.sort_by_key(|zone| zone.config().and_then(|config| config.comment()) != Some(&comment));
    let Some(zone) = same.first() else {
        return Ok(None);
    };
    let ours = zone.config().and_then(|config| config.comment()) == Some(&comment);
    // A zone of the same name in another network is in nobody's way.
    if !ours && !serves_network(aws, zone.id()).await? {
        return Ok(None);
    }
    let owner = zone.config().and_then(|config| config.comment()).unwrap_or_default();
    let record = Record::new(RecordId::new(Kind::Zone, &aws.settings.dns_zone))
        .field("owner", owner, OnChange::InPlace)
        .field("visibility", "private", OnChange::InPlace)
        .complete();
    Ok(Some((zone.id().trim_start_matches("/hostedzone/").to_owned(), record)))
}

/// Whether a zone is answered in our network.
async fn serves_network(aws: &AwsProvider<'_>, id: &str) -> Result<bool, CloudError> {
    aws.pacer.turn(Pace::Dns).await;
    let answer = aws.clients.route53.get_hosted_zone().id(id).send().await.of("GetHostedZone")?;
    let network = aws.known.network()?.vpc;
    Ok(answer.vpcs().iter().any(|vpc| vpc.vpc_id() == Some(&network)))
}

/// Makes the zone. The reference is ours alone, so a repeated call makes no second zone.
pub async fn create_zone(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let vpc = Vpc::builder()
        .vpc_id(aws.known.network()?.vpc)
        .vpc_region(VpcRegion::from(aws.settings.region.as_str()))
        .build();
    let config = HostedZoneConfig::builder().comment(aws.names.mark()).private_zone(true).build();
    aws.pacer.turn(Pace::Dns).await;
    let call = aws
        .clients
        .route53
        .create_hosted_zone()
        .name(&aws.settings.dns_zone)
        .caller_reference(aws.names.token(&["zone", &aws.settings.dns_zone, &today()]))
        .hosted_zone_config(config)
        .vpc(vpc);
    let id = match call.send().await.of("CreateHostedZone") {
        Ok(answer) => answer.hosted_zone.map(|zone| zone.id).unwrap_or_default(),
        // An answer was lost.
        Err(error)
            if error.is("HostedZoneAlreadyExists") || error.is("ConflictingDomainExists") =>
        {
            find(aws).await?.map(|(id, _)| id).ok_or(error)?
        }
        Err(error) => return Err(error),
    };
    let id = id.trim_start_matches("/hostedzone/").to_owned();
    aws.known.keep(Kind::Zone, &aws.settings.dns_zone, id);
    Ok(())
}

/// Tags the zone, which no call does when it makes it. It is done with each record and not right after the zone: whoever
/// dies in between finds the zone there, and the record missing.
async fn tag_zone(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let tags = aws.names.tags().into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    aws.pacer.turn(Pace::Dns).await;
    let call =
        aws.clients.route53.change_tags_for_resource().resource_type(TagResourceType::Hostedzone);
    call.resource_id(aws.known.id(Kind::Zone, &aws.settings.dns_zone)?)
        .set_add_tags(Some(tags))
        .send()
        .await
        .of("ChangeTagsForResource")
        .map(drop)
}

/// The reference of a zone that was deleted is used up for good, so the day stands in it.
fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// Writes a record, and waits until every server of the zone has it.
pub async fn put(
    aws: &AwsProvider<'_>,
    name: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    tag_zone(aws).await?;
    let dns = aws.known.id(Kind::LoadBalancer, DNS)?;
    let (balancer, zone) = dns.split_once(' ').unwrap_or_default();
    let alias = AliasTarget::builder()
        .dns_name(balancer)
        .hosted_zone_id(zone)
        .evaluate_target_health(false);
    let set = ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::A)
        .alias_target(alias.build().map_err(built)?);
    // A name with a CNAME can have nothing else, so that goes in the same batch.
    let alias = sets_of(aws, name).await?.into_iter().filter(|set| *set.r#type() == RrType::Cname);
    let changes = alias.map(|set| (ChangeAction::Delete, set));
    let ours = (ChangeAction::Upsert, set.build().map_err(built)?);
    change(aws, changes.chain([ours]).collect(), told).await
}

/// The record sets of a name.
async fn sets_of(aws: &AwsProvider<'_>, name: &str) -> Result<Vec<ResourceRecordSet>, CloudError> {
    let mut sets = sets(aws).await?;
    sets.retain(|set| set.name().trim_end_matches('.') == name);
    Ok(sets)
}

async fn sets(aws: &AwsProvider<'_>) -> Result<Vec<ResourceRecordSet>, CloudError> {
    let zone = aws.known.id(Kind::Zone, &aws.settings.dns_zone)?;
    aws.pacer.turn(Pace::Dns).await;
    let answer = aws.clients.route53.list_resource_record_sets().hosted_zone_id(zone).send().await;
    Ok(answer.of("ListResourceRecordSets")?.resource_record_sets)
}

/// Changes record sets, all or none, and waits until every server of the zone knows.
async fn change(
    aws: &AwsProvider<'_>,
    changes: Vec<(ChangeAction, ResourceRecordSet)>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    let zone = aws.known.id(Kind::Zone, &aws.settings.dns_zone)?;
    let changes = changes.into_iter().map(|(action, set)| {
        Change::builder().action(action).resource_record_set(set).build().map_err(built)
    });
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    let batch = ChangeBatch::builder().set_changes(Some(changes)).build().map_err(built)?;
    aws.pacer.turn(Pace::Dns).await;
    let call =
        aws.clients.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    let answer = call.send().await.of("ChangeResourceRecordSets")?;
    let Some(info) = answer.change_info else {
        return Ok(());
    };
    if info.status == ChangeStatus::Insync {
        return Ok(());
    }
    until("the names", TO_SYNC, told, async || {
        aws.pacer.turn(Pace::Dns).await;
        let answer = aws.clients.route53.get_change().id(&info.id).send().await.of("GetChange")?;
        let synced = answer.change_info.is_some_and(|info| info.status == ChangeStatus::Insync);
        Ok(if synced { Look::Ready } else { Look::NotYet("PENDING".to_owned()) })
    })
    .await
}

/// Removes the records of a name as they are.
pub async fn delete_record(
    aws: &AwsProvider<'_>,
    name: &str,
    told: &(dyn Fn(&str) + Sync),
) -> Result<(), CloudError> {
    // Whatever stands under the name goes: a zone with records can not be deleted.
    let sets = sets_of(aws, name).await?.into_iter().map(|set| (ChangeAction::Delete, set));
    let sets: Vec<_> = sets.collect();
    if sets.is_empty() { Ok(()) } else { change(aws, sets, told).await }
}

/// Removes the zone. Records of others keep it, and are named.
pub async fn delete_zone(aws: &AwsProvider<'_>) -> Result<(), CloudError> {
    let zone = aws.known.id(Kind::Zone, &aws.settings.dns_zone)?;
    aws.pacer.turn(Pace::Dns).await;
    match aws.clients.route53.delete_hosted_zone().id(zone).send().await.of("DeleteHostedZone") {
        Err(error) if error.is("HostedZoneNotEmpty") => {
            let others: Vec<String> = sets(aws).await?.iter().filter_map(stranger).collect();
            let message = format!("it holds records that are not ours: {}", others.join(", "));
            Err(CloudError { message, class: CloudClass::World, ..error })
        }
        answer => super::access::gone_or(answer),
    }
}

/// What a record is called that every zone does not have by itself.
fn stranger(set: &ResourceRecordSet) -> Option<String> {
    let own = matches!(set.r#type(), RrType::Ns | RrType::Soa);
    (!own).then(|| format!("{} {}", set.name().trim_end_matches('.'), set.r#type().as_str()))
}
