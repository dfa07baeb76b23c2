//! Where streams may be: audit records in one account, whoever publishes them, and all else with its publisher.

use crate::environment::rules::catalog::{ByAccount, Catalog, Entry, Use};
use crate::environment::spec::StreamSpec;
use crate::environment::{Diagnostic, Diagnostics, Place};
use crate::model::{AccountName, Category, StreamName, Subject, SubjectIndex, SubjectPattern};

/// A pattern of a stream that keeps audit records.
pub struct Trail<'a> {
    stream: &'a Entry<'a, StreamName, StreamSpec>,
    pattern: &'a SubjectPattern,
    index: usize,
}

impl Trail<'_> {
    fn at(&self) -> Place {
        pattern_at(self.stream, self.index)
    }
}

/// Who keeps which audit records.
pub struct Trails<'a> {
    all: Vec<Trail<'a>>,
}

fn is_audit(pattern: &SubjectPattern) -> bool {
    Category::of_subject(pattern.as_str()) == Some(Category::Audit)
}

fn patterns<'a>(
    stream: &'a Entry<'a, StreamName, StreamSpec>,
) -> impl Iterator<Item = (usize, &'a SubjectPattern)> {
    stream.spec.subjects.iter().enumerate()
}

fn pattern_at(stream: &Entry<'_, StreamName, StreamSpec>, index: usize) -> Place {
    stream.document.at(&format!("streams.{}.subjects[{index}]", stream.name))
}

impl<'a> Trails<'a> {
    /// Collects them.
    pub fn new(catalog: &'a Catalog<'a>) -> Self {
        let trails = catalog.streams.iter().flat_map(|stream| {
            let audit = patterns(stream).filter(|(_, pattern)| is_audit(pattern));
            audit.map(move |(index, pattern)| Trail { stream, pattern, index })
        });
        Self { all: trails.collect() }
    }

    /// The account that keeps a record.
    pub fn keeper(&self, subject: &Subject) -> Option<&'a AccountName> {
        let trail = self.all.iter().find(|trail| trail.pattern.covers(subject));
        trail.map(|trail| &trail.stream.spec.account)
    }

    /// Whether records of a subject reach an account, because it keeps them.
    pub fn reach(&self, account: &AccountName, subject: &Subject) -> bool {
        self.keeper(subject) == Some(account)
    }

    /// Each record is kept in one account, and comes from one.
    pub fn check(&self, published: &[Use<'_>], problems: &mut Diagnostics) {
        self.apart(problems);
        let mut seen: SubjectIndex<'_, &Use<'_>> = SubjectIndex::default();
        for used in published.iter().filter(|used| used.subject.category() == Category::Audit) {
            let earlier = seen.overlapping(used.subject.as_str());
            let own = &used.service.spec.account;
            let other = earlier.into_iter().find(|other| &other.service.spec.account != own);
            if let (Some(other), Some(keeper)) = (other, self.keeper(used.subject)) {
                let message = format!(
                    "`{}` is also published in account {}",
                    used.subject, other.service.spec.account
                );
                problems.push(
                    Diagnostic::error("published-twice", used.at(), message)
                        .other(other.at(), "there")
                        .help(format!(
                            "{keeper} keeps both and could not tell them apart: each account has audit subjects of its own"
                        )),
                );
            }
            seen.insert(used.subject.as_str(), used);
        }
    }

    /// Inside an account, streams may not overlap anyway.
    fn apart(&self, problems: &mut Diagnostics) {
        let mut seen: SubjectIndex<'_, &Trail<'_>> = SubjectIndex::default();
        for trail in &self.all {
            let account = &trail.stream.spec.account;
            let others = seen.overlapping(trail.pattern.as_str()).into_iter();
            let other = others.into_iter().find(|other| &other.stream.spec.account != account);
            if let Some(other) = other {
                let message = format!(
                    "`{}` of {} overlaps `{}` of {} in account {}",
                    trail.pattern,
                    trail.stream.name,
                    other.pattern,
                    other.stream.name,
                    other.stream.spec.account
                );
                problems.push(
                    Diagnostic::error("stream-overlap", trail.at(), message)
                        .other(other.at(), "the other stream")
                        .help(
                            "audit records of every account go to the one account that keeps them",
                        ),
                );
            }
            seen.insert(trail.pattern.as_str(), trail);
        }
    }
}

/// A stream stores what is published in its own account, and nothing that comes from another. Audit records come from all of
/// them. `taken` is what services of an account subscribe and others share with it.
pub fn streams_at_home<'a>(
    catalog: &'a Catalog<'a>,
    publishes: &ByAccount<'a, &Use<'a>>,
    taken: &ByAccount<'a, &Use<'a>>,
    problems: &mut Diagnostics,
) {
    for stream in &catalog.streams {
        let account = &stream.spec.account;
        for (index, pattern) in patterns(stream).filter(|(_, pattern)| !is_audit(pattern)) {
            let among = |uses: &ByAccount<'a, &Use<'a>>, account: &AccountName| {
                let index = uses.get(account)?;
                index.overlapping(pattern.as_str()).first().map(|used| ***used)
            };
            let heard = |owner: &AccountName| among(publishes, owner);
            if heard(account).is_some() {
                if let Some(used) = among(taken, account) {
                    let message = format!(
                        "`{pattern}` also stores `{}`, which another account shares with {account}",
                        used.subject
                    );
                    problems.push(
                        Diagnostic::error("stream-misplaced", pattern_at(stream, index), message)
                            .other(used.at(), "what is subscribed here comes to every stream")
                            .help(
                                "a stream lives in the account that publishes its subjects: leave this one out",
                            ),
                    );
                }
                continue;
            }
            let Some(used) = publishes.keys().find_map(|owner| heard(owner)) else {
                continue;
            };
            let owner = &used.service.spec.account;
            let message = format!("nobody in account {account} publishes what `{pattern}` stores");
            problems.push(
                Diagnostic::error("stream-misplaced", pattern_at(stream, index), message)
                    .other(used.at(), format!("published in {owner}"))
                    .help(format!(
                        "a stream lives in the account that publishes its subjects: move `{}` to {owner}",
                        stream.name
                    )),
            );
        }
    }
}
