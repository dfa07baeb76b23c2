//! Each share alone: a subject that is the account's to give, and accounts that can take it.

use std::collections::BTreeSet;

use crate::environment::rules::catalog::{ByAccount, Catalog, Entry, Use};
use crate::environment::shape::did_you_mean;
use crate::environment::spec::{AccountSpec, ShareSpec};
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{AccountName, Category, SubjectIndex};

/// An account as its file has it.
type Account<'a> = Entry<'a, AccountName, AccountSpec>;

/// The dotted path of a share.
pub fn path(account: &AccountName, index: usize) -> String {
    format!("accounts.{account}.shares[{index}]")
}

pub fn check<'a>(
    catalog: &Catalog<'a>,
    serves: &ByAccount<'a, &Use<'a>>,
    publishes: &ByAccount<'a, &Use<'a>>,
    problems: &mut Diagnostics,
) {
    let known: BTreeSet<&AccountName> = catalog.accounts.iter().map(|entry| entry.name).collect();
    for account in &catalog.accounts {
        for (index, share) in account.spec.shares.iter().enumerate() {
            let own = match share.subject.category() {
                Category::Service => serves.get(account.name),
                Category::Event => publishes.get(account.name),
                Category::Audit => {
                    problems.push(audit(account, index, share));
                    continue;
                }
            };
            let covered = own.map(|own| own.covering(share.subject.as_str()));
            if covered.is_none_or(|found| found.is_empty()) {
                problems.push(unowned(account, index, share));
            }
            takers(account, (index, share), &known, problems);
        }
        repeated(account, problems);
    }
}

fn audit(account: &Account<'_>, index: usize, share: &ShareSpec) -> Diagnostic {
    let at = account.document.at(&format!("{}.subject", path(account.name, index)));
    let message = format!("`{}` can't be shared: it is an audit record", share.subject);
    Diagnostic::error("wrong-category", at, message).help(
        "audit records go to the account whose stream keeps them, and to nobody else; that needs no share",
    )
}

fn unowned(account: &Account<'_>, index: usize, share: &ShareSpec) -> Diagnostic {
    let at = account.document.at(&format!("{}.subject", path(account.name, index)));
    let verb = match share.subject.category() {
        Category::Service => "serves",
        Category::Event | Category::Audit => "publishes",
    };
    let message = format!("nobody in account {} {verb} `{}`", account.name, share.subject);
    Diagnostic::error("share-unowned", at, message).help(format!(
        "an account shares what its own services offer: correct the subject, or add it to a service's `{verb}`"
    ))
}

fn takers(
    account: &Account<'_>,
    (index, share): (usize, &ShareSpec),
    known: &BTreeSet<&AccountName>,
    problems: &mut Diagnostics,
) {
    let share_path = path(account.name, index);
    if share.with.is_empty() {
        let at = account.document.at(&format!("{share_path}.with"));
        let message = format!("`{}` is shared with nobody", share.subject);
        problems.push(
            Diagnostic::error("share-with-nobody", at, message)
                .help("name the accounts that may have it, or take the share out"),
        );
    }
    let mut seen = BTreeSet::new();
    for (number, with) in share.with.iter().enumerate() {
        let at = account.document.at(&format!("{share_path}.with[{number}]"));
        if with == account.name {
            let message = format!("{with} shares `{}` with itself", share.subject);
            problems.push(
                Diagnostic::error("share-with-itself", at, message)
                    .help("inside an account nothing needs to be shared: take it out"),
            );
        } else if !known.contains(with) {
            let message = format!("there is no account `{with}`");
            let mut problem = Diagnostic::error("unknown-account", at, message);
            let names = known.iter().map(|name| name.as_str());
            problem.help = did_you_mean(with.as_str(), names);
            problems.push(problem);
        } else if !seen.insert(with) {
            let message = format!("`{}` is shared with {with} twice", share.subject);
            problems.push(
                Diagnostic::error("duplicate-share", at, message).help("take one of both out"),
            );
        }
    }
}

/// Exports of an account may not overlap, so that each import is of exactly one.
fn repeated(account: &Account<'_>, problems: &mut Diagnostics) {
    let mut seen: SubjectIndex<'_, (usize, &ShareSpec)> = SubjectIndex::default();
    for (index, share) in account.spec.shares.iter().enumerate() {
        let at = |index| account.document.at(&format!("{}.subject", path(account.name, index)));
        if let Some((first, other)) = seen.overlapping(share.subject.as_str()).first() {
            let message = format!("`{}` is already shared as `{}`", share.subject, other.subject);
            problems.push(
                Diagnostic::error("duplicate-share", at(index), message)
                    .other(at(*first), "first here")
                    .help("share a subject once, with every account that may have it"),
            );
        } else {
            seen.insert(share.subject.as_str(), (index, share));
        }
    }
}
