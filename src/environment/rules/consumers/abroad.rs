//! Consumers of another account's stream: which account is meant, and that it consents.

use super::{Pulled, Stream};
use crate::environment::rules::Document;
use crate::environment::rules::sharing::Offers;
use crate::environment::spec::EnvironmentSpec;
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{AccountName, Category, Consumer, Subject, SubjectPattern};

/// What stands after `$JS.` in subjects of the servers' own.
const SERVERS_OWN: [&str; 4] = ["ACK", "API", "EVENT", "FC"];

/// A consumer that looks for its stream in an account that does not have it.
pub fn elsewhere(pulled: &Pulled<'_>, stream: &Stream<'_>) -> Diagnostic {
    let (named, owner) = (pulled.owner(), &stream.spec.account);
    let message = format!("{} belongs to account {owner}, not to {named}", stream.name);
    if pulled.spec.account.is_some() {
        return Diagnostic::error("stream-elsewhere", pulled.at("account"), message)
            .help(format!("write `account: {owner}`, or leave it out for the service's own"));
    }
    let own = &pulled.service.spec.account;
    Diagnostic::error("stream-elsewhere", pulled.at("stream"), message).help(format!(
        "add `account: {owner}` here, and to the `shares` of {owner} what the consumer hands out with {own}"
    ))
}

/// The account must be one whose API has a prefix to itself, and must share all that is handed out.
pub fn check(
    environment: &Document<EnvironmentSpec>,
    pulled: &Pulled<'_>,
    stream: &Stream<'_>,
    offers: &Offers<'_>,
    problems: &mut Diagnostics,
) {
    let (owner, own) = (pulled.owner(), &pulled.service.spec.account);
    prefix(environment, pulled, owner, problems);
    for (index, pattern) in pulled.patterns(stream.spec).iter().enumerate() {
        if !offers.from(owner, own, pattern) {
            problems.push(unshared(pulled, (index, pattern), stream));
        }
    }
}

/// The servers read some prefixes themselves, and the JetStream domain is one of them.
fn prefix(
    environment: &Document<EnvironmentSpec>,
    pulled: &Pulled<'_>,
    owner: &AccountName,
    problems: &mut Diagnostics,
) {
    let taken = Consumer::prefix_of(owner);
    let problem = |whose: &str| {
        let message = format!("`{taken}` is {whose}, so nothing of account {owner} can be pulled");
        Diagnostic::error("prefix-taken", pulled.at("account"), message)
    };
    if environment.spec.nats.jetstream.domain == owner.as_str() {
        let problem = problem("the prefix of the JetStream domain");
        let at = environment.at("nats.jetstream.domain");
        problems.push(problem.other(at, "the domain").help("give one of both another name"));
    } else if SERVERS_OWN.contains(&owner.as_str()) {
        problems.push(problem("the servers' own").help("give the account another name"));
    }
}

fn unshared(
    pulled: &Pulled<'_>,
    (index, pattern): (usize, &SubjectPattern),
    stream: &Stream<'_>,
) -> Diagnostic {
    let (owner, own) = (&stream.spec.account, &pulled.service.spec.account);
    let filtered = !pulled.spec.filter.is_empty();
    let at = if filtered { format!("filter[{index}]") } else { "filter".to_owned() };
    let message = format!("{owner} does not share `{pattern}` of {} with {own}", stream.name);
    let help = if Category::of_subject(pattern.as_str()) == Some(Category::Audit) {
        let service = pulled.service.name;
        format!("audit records are shared with nobody: move `{service}` to {owner}")
    } else if pattern.as_str().parse::<Subject>().is_ok() {
        let line = format!("- {{subject: {pattern}, with: [{own}]}}");
        format!("add `{line}` to the `shares` of {owner}, or {own} to the one that is there")
    } else {
        format!("name in `filter` subjects that {owner} shares with {own}")
    };
    Diagnostic::error("unshared", pulled.at(&at), message)
        .other(
            stream.document.at(&format!("streams.{}.account", stream.name)),
            "the account of the stream",
        )
        .help(help)
}
