//! For each grant, something beside it that must be refused: what a mistake would most likely open.

use crate::model::matching::admits;
use crate::model::{Cluster, Consumer, Service, Subject};

/// How many neighbours are tried in each direction; a mistake opens far more than one.
const ENOUGH: usize = 3;

/// Something that a service must not be able to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// Publish a subject.
    Publish(String),
    /// Subscribe a subject, in a queue group or in none.
    Subscribe(String, Option<String>),
}

/// The neighbours of a service's grants.
pub fn neighbours(cluster: &Cluster, service: &Service) -> Vec<Forbidden> {
    let granted = service.permissions();
    let foreign = foreign_subjects(cluster, service);
    let mut forbidden: Vec<Forbidden> = foreign
        .iter()
        .map(|subject| subject.concrete())
        .filter(|subject| !granted.publish.iter().any(|pattern| admits(pattern, subject)))
        .take(ENOUGH)
        .map(Forbidden::Publish)
        .collect();
    // What other accounts say and hear.
    let elsewhere = elsewhere(cluster, service);
    let beyond: Vec<String> = elsewhere.iter().map(|subject| subject.concrete()).collect();
    let may_say = |subject: &str| granted.publish.iter().any(|pattern| admits(pattern, subject));
    let may_hear = |subject: &str| granted.subscribe.iter().any(|s| admits(&s.subject, subject));
    let say = beyond.iter().find(|subject| !may_say(subject));
    forbidden.extend(say.cloned().map(Forbidden::Publish));
    let hear = beyond.iter().find(|subject| !may_hear(subject));
    forbidden.extend(hear.map(|subject| Forbidden::Subscribe(subject.clone(), None)));
    for stores in foreign_stores(cluster, service) {
        let foreign = stores.into_iter().filter(|subject| granted.may_publish(subject).is_none());
        forbidden.extend(foreign.take(ENOUGH).map(Forbidden::Publish));
    }
    // What nobody is granted at all: it is open to whoever may publish everything.
    forbidden.push(Forbidden::Publish("svc.natsops.probe.v1.refuse".to_owned()));
    // A member of a queue group must not listen beside it, nor in another.
    for (subject, queue) in service.serves.iter().take(ENOUGH) {
        forbidden.push(Forbidden::Subscribe(subject.concrete(), None));
        forbidden.push(Forbidden::Subscribe(subject.concrete(), Some(format!("{queue}.other"))));
    }
    let plain = |subject: &str| granted.subscribe.iter().any(|s| admits(&s.subject, subject));
    forbidden.extend(
        foreign
            .iter()
            .map(|subject| subject.concrete())
            .filter(|subject| !plain(subject))
            .take(ENOUGH)
            .map(|subject| Forbidden::Subscribe(subject, None)),
    );
    forbidden.push(Forbidden::Subscribe("_INBOX.>".to_owned(), None));
    forbidden.push(Forbidden::Subscribe(">".to_owned(), None));
    forbidden
}

/// What others pull from the streams of the account, what lies beside the service's consumers in other accounts, and
/// what others read and write.
fn foreign_stores(cluster: &Cluster, service: &Service) -> [Vec<String>; 3] {
    let consumers = cluster
        .consumers_of(&service.account)
        .map(|(_, c)| format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", c.stream, c.name));
    let buckets = cluster.buckets_of(&service.account).flat_map(|bucket| {
        let (name, stream) = (&bucket.name, bucket.name.stream());
        [format!("$KV.{name}.natsops"), format!("$JS.API.DIRECT.GET.{stream}.$KV.{name}.natsops")]
    });
    let abroad = service.consumes.iter().filter(|c| c.is_abroad(&service.account));
    [consumers.collect(), abroad.flat_map(beside).collect(), buckets.collect()]
}

/// What the owner of a consumer's stream may ask, and the service may not: in its account's name, and in its own.
fn beside(consumer: &Consumer) -> [String; 3] {
    let (prefix, stream) = (Consumer::prefix_of(&consumer.account), &consumer.stream);
    [
        format!("{prefix}.CONSUMER.MSG.NEXT.{stream}.natsops"),
        format!("{prefix}.CONSUMER.CREATE.{stream}"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", consumer.name),
    ]
}

/// Subjects of the account that this service has nothing to do with, nearest first.
fn foreign_subjects<'a>(cluster: &'a Cluster, service: &'a Service) -> Vec<&'a Subject> {
    nearest(service, cluster.services_of(&service.account))
}

/// The same of all other accounts.
fn elsewhere<'a>(cluster: &'a Cluster, service: &'a Service) -> Vec<&'a Subject> {
    let others = cluster.services.values().filter(|other| other.account != service.account);
    nearest(service, others)
}

/// What others have to do with and this service has not; first what shares the longest beginning with one of its own.
fn nearest<'a>(
    service: &'a Service,
    others: impl Iterator<Item = &'a Service>,
) -> Vec<&'a Subject> {
    let own: Vec<&Subject> = subjects(service).collect();
    let mut foreign: Vec<&Subject> =
        others.flat_map(subjects).filter(|subject| !own.contains(subject)).collect();
    let near = |subject: &Subject| {
        let shared = own.iter().map(|own| common_start(own.as_str(), subject.as_str()));
        std::cmp::Reverse(shared.max().unwrap_or(0))
    };
    foreign.sort_by_key(|subject| (near(subject), subject.as_str()));
    foreign.dedup();
    foreign
}

fn subjects(service: &Service) -> impl Iterator<Item = &Subject> {
    service
        .serves
        .iter()
        .map(|(subject, _)| subject)
        .chain(&service.calls)
        .chain(&service.publishes)
        .chain(service.subscribes.iter().map(|(subject, _)| subject))
}

fn common_start(a: &str, b: &str) -> usize {
    a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b).count()
}
