//! `natsops subjects can ENV SERVICE publish|subscribe SUBJECT`

use anstream::{eprintln, println};
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{exit, lookup, paint};
use crate::contract::{Answer, Ask, Basis, Grant, Holder, Rule, can};
use crate::environment::{Glimpse, Line, Places};
use crate::model::matching;

/// Tell whether a service or leafnode may publish or subscribe a subject, and by which rule
///
/// The answer is that of a server that holds its permissions. Exit code 0 is yes, 5 is no. Of a large catalog only
/// its own entry is read and checked, and a note says so; `natsops validate` checks all of it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// The service, or the leafnode
    #[arg(value_name = "SERVICE")]
    service: String,
    /// What it would do
    #[arg(value_name = "publish|subscribe", value_enum, hide_possible_values = true)]
    direction: Direction,
    /// The subject; a pattern for a subscription with wildcards
    #[arg(value_name = "SUBJECT", allow_hyphen_values = true)]
    subject: String,
    /// Subscribe as a member of this queue group
    #[arg(long, value_name = "GROUP")]
    queue: Option<String>,
    /// The subject is the reply subject of a request that the service has just received
    #[arg(long, conflicts_with = "queue")]
    reply: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Direction {
    Publish,
    Subscribe,
}

/// Runs it.
pub fn run(context: &Context, args: &Args) -> Result<u8, Failure> {
    let ask = ask(args)?;
    let name = lookup::plain(&args.service);
    if let Some((glimpse, places)) = context.glance(&args.environment, name)? {
        let Args { environment, service: name, .. } = args;
        eprintln!(
            "{} only the entry of {name} was checked; `natsops validate {environment}` checks all",
            paint::faint("note:")
        );
        let holder = match &glimpse {
            Glimpse::Service(service) => service.as_ref().into(),
            Glimpse::Leafnode(leafnode) => leafnode.into(),
        };
        return Ok(tell(context, args, holder, ask, &places));
    }
    let (cluster, places) = context.contract(&args.environment)?;
    Ok(tell(context, args, lookup::holder(&cluster, &args.service)?, ask, &places))
}

fn tell(context: &Context, args: &Args, holder: Holder<'_>, ask: Ask<'_>, places: &Places) -> u8 {
    let answer = can(holder, ask);
    if context.json {
        print_json(args, holder, &answer, places);
    } else {
        print_words(args, holder, &answer, places);
    }
    if answer.allowed { exit::DONE } else { exit::REFUSED }
}

fn ask(args: &Args) -> Result<Ask<'_>, Failure> {
    let slip = |what: String| Err(Failure::new(exit::USAGE, what));
    if let Err(error) = matching::check(&args.subject) {
        return slip(error.to_string());
    }
    let subject = args.subject.as_str();
    match (args.direction, args.queue.as_deref()) {
        (Direction::Publish, Some(_)) => {
            slip("a queue group belongs to a subscription, not to a publication".to_owned())
        }
        (Direction::Subscribe, _) if args.reply => {
            slip("a reply is published, not subscribed".to_owned())
        }
        (_, Some(queue)) if queue.is_empty() || queue.contains(char::is_whitespace) => {
            slip(format!("`{queue}` is not a queue group: it is empty or contains a space"))
        }
        (Direction::Publish, None) => Ok(Ask::Publish { subject, reply: args.reply }),
        (Direction::Subscribe, queue) => Ok(Ask::Subscribe { subject, queue }),
    }
}

fn print_words(args: &Args, holder: Holder<'_>, answer: &Answer<'_>, places: &Places) {
    let verb = match args.direction {
        Direction::Publish => "publish",
        Direction::Subscribe => "subscribe",
    };
    let group = args.queue.as_ref().map(|queue| format!(" in queue group {queue}"));
    let deed = format!("{verb} {}{}", args.subject, group.unwrap_or_default());
    let (word, may) = match answer.allowed {
        true => (paint::good("yes"), "may"),
        false => (paint::error("no"), "may not"),
    };
    println!("{word}: {} {may} {deed}", args.service);
    println!("{} {}", paint::bold("rule:"), words(&answer.rule, holder, places));
    if !answer.allowed {
        let Args { environment, subject, .. } = args;
        println!("{} natsops subjects who {environment} '{subject}'", paint::bold("next:"));
    }
}

fn words(rule: &Rule<'_>, holder: Holder<'_>, places: &Places) -> String {
    match rule {
        Rule::Entry { entry, basis: Basis::Grant(grant) } => {
            let entry = if entry.starts_with(grant.subject.as_str()) {
                String::new()
            } else {
                format!(", which is the entry `{entry}`")
            };
            format!("{}{entry}", granted(grant, places))
        }
        Rule::Entry {
            entry,
            basis: basis @ (Basis::Consumer(..) | Basis::Reads(..) | Basis::Writes(..)),
        } => {
            let path = basis.path(holder).unwrap_or_default();
            let place = places.line(&path).map(|line| format!(" ({line})")).unwrap_or_default();
            format!("{}{place}, by the entry `{entry}`", deed(basis))
        }
        Rule::Entry { entry, basis: Basis::Inbox } => {
            format!("its own inboxes, by the entry `{entry}`")
        }
        Rule::Entry { entry, basis: Basis::Derived } => format!("the entry `{entry}`"),
        Rule::Reply => "whoever serves answers each request once, within two minutes".to_owned(),
        Rule::Queue { bound, grant } => {
            let by = grant.as_ref().map(|grant| format!(", by {}", granted(grant, places)));
            format!("only as a member of {}{}", bound.join(" or "), by.unwrap_or_default())
        }
        Rule::Nothing => "it has no grant in this direction, so everything is denied".to_owned(),
        Rule::Missing { nearest: None } => "nothing grants it".to_owned(),
        Rule::Missing { nearest: Some(grant) } => {
            format!("nothing grants it; the nearest is {}", granted(grant, places))
        }
    }
}

/// What a service does with what is stored.
fn deed(basis: &Basis<'_>) -> String {
    match basis {
        Basis::Consumer(_, consumer) => format!("consumes {}", consumer.path()),
        Basis::Reads(_, bucket) => format!("reads {bucket}"),
        Basis::Writes(_, bucket) => format!("writes {bucket}"),
        Basis::Grant(_) | Basis::Inbox | Basis::Derived => String::new(),
    }
}

fn granted(grant: &Grant<'_>, places: &Places) -> String {
    let group = grant.queue.map(|queue| format!(" in {queue}")).unwrap_or_default();
    let place = places.line(&grant.path()).map(|line| format!(" ({line})")).unwrap_or_default();
    format!("{} {}{group}{place}", grant.verb.key(), grant.subject)
}

fn print_json(args: &Args, holder: Holder<'_>, answer: &Answer<'_>, places: &Places) {
    let (entry, grant) = match &answer.rule {
        Rule::Entry { entry, basis: Basis::Grant(grant) } => (Some(entry), Some(grant)),
        Rule::Entry { entry, .. } => (Some(entry), None),
        Rule::Queue { grant, .. } => (None, grant.as_ref()),
        Rule::Missing { nearest } => (None, nearest.as_ref()),
        Rule::Reply | Rule::Nothing => (None, None),
    };
    let line =
        |path: &str| places.line(path).unwrap_or_else(|| Line { file: String::new(), line: 0 });
    let grant = grant.map(|grant| {
        let Line { file, line } = line(&grant.path());
        json!({
            "verb": grant.verb, "subject": grant.subject, "queue": grant.queue,
            "file": file, "line": line,
        })
    });
    let stored = match &answer.rule {
        Rule::Entry { basis, .. } if !matches!(basis, Basis::Grant(_)) => {
            basis.path(holder).map(|path| {
                let Line { file, line } = line(&path);
                json!({ "what": deed(basis), "file": file, "line": line })
            })
        }
        _ => None,
    };
    let value = json!({
        "format": 1, "environment": args.environment, "service": args.service,
        "subject": args.subject, "queue": args.queue, "allowed": answer.allowed,
        "rule": answer.rule.name(), "entry": entry, "grant": grant, "stored": stored,
        "explanation": words(&answer.rule, holder, places),
    });
    println!("{value:#}");
}
