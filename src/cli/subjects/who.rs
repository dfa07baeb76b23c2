//! `natsops subjects who ENV SUBJECT`

use anstream::{eprintln, println};
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{exit, paint, tables};
use crate::contract::{Who, subjects, who};
use crate::environment::nearest;
use crate::model::{Cluster, OWN_ROLE, PassageKind, matching};

/// Tell who serves, calls, publishes, subscribes and consumes a subject, and which stream or bucket stores it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// The subject, or a pattern with `*` and `>`
    #[arg(value_name = "SUBJECT", allow_hyphen_values = true)]
    subject: String,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let subject = args.subject.as_str();
    matching::check(subject).map_err(|error| Failure::new(exit::USAGE, error.to_string()))?;
    let cluster = context.cluster(&args.environment)?;
    let answer = who(&cluster, subject);
    if context.json {
        let value = json!({
            "format": 1, "environment": args.environment, "subject": subject, "who": answer,
        });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    if answer.is_empty() {
        eprintln!(
            "nobody in {} has to do with `{subject}`{}",
            args.environment,
            hint(&cluster, subject)
        );
        return Ok(exit::DONE);
    }
    println!("{}", shown(&answer));
    Ok(exit::DONE)
}

fn shown(answer: &Who<'_>) -> String {
    let roles = [
        ("serves", &answer.serves),
        ("calls", &answer.calls),
        ("publishes", &answer.publishes),
        ("subscribes", &answer.subscribes),
    ];
    let through = if answer.consumes.is_empty() { "QUEUE" } else { "QUEUE OR CONSUMER" };
    let mut table = tables::table(&["ROLE", "WHO", "ACCOUNT", "SUBJECT", through]);
    for (role, parties) in roles {
        for party in parties {
            table.add_row(vec![
                role.to_owned(),
                party.holder.to_string(),
                party.account.to_string(),
                party.subject.clone(),
                party.queue.clone().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
    }
    for puller in &answer.consumes {
        table.add_row(vec![
            "consumes".to_owned(),
            puller.service.to_string(),
            puller.account.to_string(),
            puller.pattern.to_owned(),
            format!("{}/{}", puller.stream, puller.consumer),
        ]);
    }
    for store in &answer.stored {
        table.add_row(vec![
            "stores".to_owned(),
            store.stream.clone(),
            store.account.to_string(),
            store.pattern.clone(),
            "-".to_owned(),
        ]);
    }
    for crossing in &answer.crosses {
        table.add_row(vec![
            "crosses".to_owned(),
            format!("to {}", crossing.to),
            crossing.from.to_string(),
            crossing.subject.to_string(),
            if crossing.kind == PassageKind::Stored { "pulled".to_owned() } else { "-".to_owned() },
        ]);
    }
    for right in &answer.natsops {
        table.add_row(vec![
            right.verb.key().to_owned(),
            format!("{OWN_ROLE} itself"),
            right.account.to_owned(),
            right.subject.clone(),
            "-".to_owned(),
        ]);
    }
    tables::trimmed(&table)
}

fn hint(cluster: &Cluster, subject: &str) -> String {
    let known = subjects(cluster);
    let near = nearest(subject, known.keys().map(|(subject, _)| subject.as_str()));
    near.map(|near| format!("; {}", paint::bold(near))).unwrap_or_default()
}
