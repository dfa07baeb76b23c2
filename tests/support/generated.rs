//! Catalogs of any size, for measuring: services that serve, call, publish, subscribe and consume, streams that keep it
//! all, and accounts that share with the next one.

use std::fmt::Write as _;
use std::path::Path;

/// How many subjects a service serves, and as many events it publishes.
const EACH: usize = 5;

/// Services of an account.
const NEIGHBOURS: usize = 5;

/// Accounts of a file.
const ACCOUNTS_OF_A_FILE: usize = 20;

/// Writes an environment `large` whose catalog has so many subjects, a tenth as many services and a fiftieth as many accounts.
pub fn write(project: &Path, subjects: usize) {
    let environments = project.join("environments");
    std::fs::create_dir_all(environments.join("generated")).unwrap();
    std::fs::write(environments.join("large.yaml"), ENVIRONMENT).unwrap();
    let total = subjects / (2 * EACH * NEIGHBOURS);
    let accounts: Vec<usize> = (0..total).collect();
    for (number, accounts) in accounts.chunks(ACCOUNTS_OF_A_FILE).enumerate() {
        let path = environments.join(format!("generated/part-{number}.yaml"));
        std::fs::write(path, file(accounts, total)).unwrap();
    }
}

const ENVIRONMENT: &str = "\
name: large
catalog: generated
provider:
  local: {volume: 100 GB}
nats:
  cluster: large
  version: 2.15.1
  nodes:
    - {name: nats-1, zone: zone-a}
    - {name: nats-2, zone: zone-b}
    - {name: nats-3, zone: zone-c}
  jetstream: {max_file: 80 GB, max_memory: 64 MiB}
leafnodes:
  edge-eu: {account: ACCOUNT_0, description: A server at the edge., calls: [svc.d0.s0.v1.op0]}
";

fn file(accounts: &[usize], total: usize) -> String {
    let mut text = String::from("accounts:\n");
    for account in accounts {
        write!(
            text,
            "  ACCOUNT_{account}:\n    description: The services of domain {account}.\n    limits:\n      \
             connections: 100\n      subscriptions: 1000\n      payload: 1 MiB\n      \
             jetstream: {{disk: 100 MB, streams: 4, consumers: 40}}\n"
        )
        .unwrap();
        if account + 1 < total {
            shares(&mut text, *account);
        }
    }
    text.push_str("services:\n");
    for account in accounts {
        (0..NEIGHBOURS).for_each(|number| service(&mut text, *account, number));
    }
    text.push_str("streams:\n");
    for account in accounts {
        write!(
            text,
            "  STREAM_{account}:\n    account: ACCOUNT_{account}\n    description: Events of domain {account}.\n    \
             subjects: [evt.d{account}.>]\n    max_age: 7d\n    max_bytes: 50 MB\n"
        )
        .unwrap();
    }
    text
}

/// What the next account may have: an event to hear, one to pull, and a request to send.
fn shares(text: &mut String, account: usize) {
    text.push_str("    shares:\n");
    let events = [HEARD, PULLED].map(|event| format!("evt.d{account}.s0.happened{event}.v1"));
    for subject in events.into_iter().chain([format!("svc.d{account}.s0.v1.op0")]) {
        writeln!(text, "      - {{subject: {subject}, with: [ACCOUNT_{}]}}", account + 1).unwrap();
    }
}

/// The events of an account's first service that the first of the next account hears and pulls.
const HEARD: usize = 1;
const PULLED: usize = 2;

/// A service that calls the next one of its account, and hears the events of the one after.
fn service(text: &mut String, account: usize, number: usize) {
    let next = (number + 1) % NEIGHBOURS;
    let after = (number + 2) % NEIGHBOURS;
    write!(
        text,
        "  service-{account}-{number}:\n    account: ACCOUNT_{account}\n    \
         description: Does part {number} of domain {account}.\n    serves:\n"
    )
    .unwrap();
    for op in 0..EACH {
        writeln!(
            text,
            "      - {{subject: svc.d{account}.s{number}.v1.op{op}, queue: q.d{account}.s{number}}}"
        )
        .unwrap();
    }
    text.push_str("    calls:\n");
    for op in 0..EACH {
        writeln!(text, "      - svc.d{account}.s{next}.v1.op{op}").unwrap();
    }
    let before = account.checked_sub(1).filter(|_| number == 0);
    if let Some(before) = before {
        writeln!(text, "      - svc.d{before}.s0.v1.op0").unwrap();
    }
    text.push_str("    publishes:\n");
    for event in 0..EACH {
        writeln!(text, "      - evt.d{account}.s{number}.happened{event}.v1{}", entity(event))
            .unwrap();
    }
    text.push_str("    subscribes:\n");
    for event in 0..EACH {
        writeln!(
            text,
            "      - {{subject: evt.d{account}.s{after}.happened{event}.v1{}, queue: q.d{account}.s{number}}}",
            entity(event)
        )
        .unwrap();
    }
    if let Some(before) = before {
        write!(
            text,
            "      - {{subject: evt.d{before}.s0.happened{HEARD}.v1}}\n    consumes:\n      \
             - {{stream: STREAM_{before}, account: ACCOUNT_{before}, \
             filter: [evt.d{before}.s0.happened{PULLED}.v1]}}\n"
        )
        .unwrap();
    }
}

/// One event of each service is told of each entity.
fn entity(event: usize) -> &'static str {
    if event == 0 { ".*" } else { "" }
}
