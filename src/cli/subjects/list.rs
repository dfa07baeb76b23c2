//! `natsops subjects list ENV` and `natsops subjects tree ENV`

use anstream::println;
use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::validate::count;
use crate::cli::{exit, paint, tables};
use crate::contract::{Borders, Branch, Grant, Verb, subjects, tree as grow};
use crate::model::{
    AccountName, Cluster, Malformed, StreamName, Subject, SubjectPattern, matching,
};

/// List the subjects of the contract with those who use them
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// Only subjects that share a message with this pattern
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
}

/// Show the subjects of the contract as a tree
#[derive(Debug, clap::Args)]
pub struct TreeArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
}

/// A subject of one account with those who use it.
struct Entry<'a> {
    subject: &'a Subject,
    account: &'a AccountName,
    speaks: Vec<Grant<'a>>,
    listens: Vec<Grant<'a>>,
    streams: Vec<&'a StreamName>,
}

fn entries(cluster: &Cluster) -> Vec<Entry<'_>> {
    let borders = Borders::new(cluster);
    let streams = |subject: &Subject, account: &AccountName| {
        borders.keepers(account, subject).into_iter().map(|stream| &stream.name).collect()
    };
    let all = subjects(cluster).into_iter().map(|((subject, account), grants)| {
        let (speaks, listens) = grants.into_iter().partition(|grant| grant.verb.speaks());
        Entry { subject, account, speaks, listens, streams: streams(subject, account) }
    });
    all.collect()
}

/// Runs `list`.
pub fn list(context: &Context, args: &ListArgs) -> Result<u8, Failure> {
    let pattern = args.pattern.as_deref().unwrap_or(">");
    check(pattern)?;
    let cluster = context.cluster(&args.environment)?;
    let mut entries = entries(&cluster);
    entries.retain(|entry| matching::overlaps(entry.subject.as_str(), pattern));
    if context.json {
        let all: Vec<Value> = entries.iter().map(Entry::json).collect();
        let value = json!({ "format": 1, "environment": args.environment, "subjects": all });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    let mut table = tables::table(&["SUBJECT", "ACCOUNT", "FROM", "TO", "QUEUE", "STREAM"]);
    for entry in &entries {
        table.add_row(vec![
            entry.subject.to_string(),
            entry.account.to_string(),
            few(&entry.speaks, entry.account),
            few(&entry.listens, entry.account),
            entry.queue(),
            some(entry.streams.iter().map(|name| name.as_str())),
        ]);
    }
    println!("{}", tables::trimmed(&table));
    Ok(exit::DONE)
}

/// Refuses a pattern that no subject of any contract matches.
fn check(pattern: &str) -> Result<(), Failure> {
    let refuse = |error: Malformed| {
        let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        Failure::new(exit::USAGE, format!("{error}{help}"))
    };
    matching::check(pattern).map_err(refuse)?;
    match pattern.strip_prefix('*') {
        _ if matches!(pattern, ">" | "*") => Ok(()),
        // Any category will do where none is asked for.
        Some(rest) if rest.starts_with('.') => checked(&format!("evt{rest}")).map_err(refuse),
        _ => checked(pattern).map_err(refuse),
    }
}

fn checked(pattern: &str) -> Result<(), Malformed> {
    pattern.parse::<SubjectPattern>().map(drop)
}

/// Runs `tree`.
pub fn tree(context: &Context, args: &TreeArgs) -> Result<u8, Failure> {
    let cluster = context.cluster(&args.environment)?;
    let entries = entries(&cluster);
    let branches = grow(entries.iter().map(|entry| entry.subject.as_str()));
    if context.json {
        let value = json!({ "format": 1, "environment": args.environment, "tree": branches });
        println!("{value:#}");
        return Ok(exit::DONE);
    }
    let mut text = String::new();
    branches.iter().for_each(|branch| draw(branch, 0, &entries, &mut text));
    println!("{}", text.trim_end());
    Ok(exit::DONE)
}

fn draw(branch: &Branch, depth: usize, entries: &[Entry<'_>], text: &mut String) {
    let of = |subject: &str| {
        // Entries are sorted by subject; the same subject in another account follows.
        let first = entries.partition_point(|entry| entry.subject.as_str() < subject);
        entries[first..].iter().take_while(|entry| entry.subject.as_str() == subject).collect()
    };
    let uses: Vec<&Entry<'_>> = branch.subject.as_deref().map(of).unwrap_or_default();
    text.push_str(&"  ".repeat(depth));
    text.push_str(&branch.tokens);
    if !uses.is_empty() {
        let words: Vec<String> = uses.iter().map(|entry| entry.words()).collect();
        text.push_str(&format!("  {}", paint::faint(words.join("; "))));
    }
    text.push('\n');
    branch.branches.iter().for_each(|next| draw(next, depth + 1, entries, text));
}

impl Entry<'_> {
    /// From whom to whom it goes, in words.
    fn words(&self) -> String {
        let speaks = names(&self.speaks, self.account);
        let listens = match self.listens.is_empty() {
            true => String::new(),
            false => format!(" to {}", names(&self.listens, self.account)),
        };
        let streams = self.streams.iter().map(|name| format!(", stored by {name}"));
        format!("from {speaks}{listens}{}", streams.collect::<String>())
    }

    /// The queue group of the one who serves.
    fn queue(&self) -> String {
        let serves = self.listens.iter().filter(|grant| grant.verb == Verb::Serves);
        some(serves.filter_map(|grant| Some(grant.queue?.as_str())))
    }

    fn json(&self) -> Value {
        let of = |verb: Verb| -> Vec<Value> {
            let all = self.speaks.iter().chain(&self.listens).filter(|grant| grant.verb == verb);
            all.map(|grant| {
                json!({ "service": grant.holder, "account": grant.account, "queue": grant.queue })
            })
            .collect()
        };
        let pulls = self.listens.iter().filter(|grant| grant.verb == Verb::Consumes);
        let pulls: Vec<Value> = pulls
            .map(|grant| {
                let consumer = grant.consumer.map(|consumer| &consumer.name);
                json!({ "service": grant.holder, "account": grant.account, "consumer": consumer })
            })
            .collect();
        json!({
            "subject": self.subject, "account": self.account,
            "serves": of(Verb::Serves), "calls": of(Verb::Calls),
            "publishes": of(Verb::Publishes), "subscribes": of(Verb::Subscribes),
            "consumes": pulls,
            "streams": self.streams,
        })
    }
}

/// The holders of grants; one of another account with its account before it.
fn names(grants: &[Grant<'_>], home: &AccountName) -> String {
    let name = |grant: &Grant<'_>| match grant.account == home {
        true => grant.holder.to_string(),
        false => format!("{}/{}", grant.account, grant.holder),
    };
    let names: Vec<String> = grants.iter().map(name).collect();
    some(names.iter().map(String::as_str))
}

/// One name in full, more as their number, so that a table keeps to its width.
fn few(grants: &[Grant<'_>], home: &AccountName) -> String {
    match grants.len() {
        0 | 1 => names(grants, home),
        all => {
            let leafnodes = grants.iter().filter(|grant| grant.holder.is_leafnode()).count();
            let counted = [(all - leafnodes, "service"), (leafnodes, "leafnode")];
            let counted = counted.into_iter().filter(|(number, _)| *number > 0);
            counted.map(|(number, what)| count(number, what)).collect::<Vec<_>>().join(", ")
        }
    }
}

fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}
