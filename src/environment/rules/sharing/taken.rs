//! What services take: from their own account, or from another that shares it with theirs.

use super::{Offers, Trails};
use crate::environment::rules::catalog::{ByAccount, Catalog, Use, all_uses};
use crate::environment::shape::did_you_mean;
use crate::environment::{Diagnostic, Diagnostics};
use crate::model::{AccountName, Category, Subject};

/// Calls that nobody answers.
pub fn calls<'a>(
    catalog: &'a Catalog<'a>,
    served: &[Use<'a>],
    serves: &ByAccount<'a, &Use<'a>>,
    offers: &Offers<'a>,
    problems: &mut Diagnostics,
) {
    for used in all_uses(catalog, "calls") {
        let account = &used.service.spec.account;
        let covers = |owner: &AccountName| {
            let index = serves.get(owner);
            index.is_some_and(|index| !index.covering(used.subject.as_str()).is_empty())
        };
        if covers(account) || offers.to(account, used.subject).is_some() {
            continue;
        }
        let owner = serves.keys().find(|owner| covers(owner));
        problems.push(match owner {
            Some(owner) => unshared(catalog, &used, owner, "served"),
            None => unserved(&used, served),
        });
    }
}

fn unserved(used: &Use<'_>, served: &[Use<'_>]) -> Diagnostic {
    let message = format!("nobody serves `{}`", used.subject);
    let known = served.iter().map(|other| other.subject.as_str());
    let help = did_you_mean(used.subject.as_str(), known);
    let help = help.unwrap_or_else(|| "add it to a service's `serves`".to_owned());
    Diagnostic::error("call-unserved", used.at(), message).help(help)
}

/// Subscriptions to what another account publishes and does not share. Where nobody publishes, it is a lint.
pub fn subscriptions<'a>(
    catalog: &'a Catalog<'a>,
    (subscribed, publishes): (&[Use<'a>], &ByAccount<'a, &Use<'a>>),
    (offers, trails): (&Offers<'a>, &Trails<'a>),
    problems: &mut Diagnostics,
) {
    for used in subscribed {
        let (account, subject) = (&used.service.spec.account, used.subject);
        let speaks = |owner: &AccountName| {
            let index = publishes.get(owner);
            index.is_some_and(|index| !index.overlapping(subject.as_str()).is_empty())
        };
        let comes = offers.to(account, subject).is_some() || trails.reach(account, subject);
        if speaks(account) || comes {
            continue;
        }
        let Some(owner) = publishes.keys().find(|owner| speaks(owner)) else {
            continue;
        };
        problems.push(match subject.category() {
            Category::Audit => out_of_reach(used, owner, trails),
            Category::Event | Category::Service => unshared(catalog, used, owner, "published"),
        });
    }
}

/// Another account has it: the line that would let this one have it as well.
fn unshared(catalog: &Catalog<'_>, used: &Use<'_>, owner: &AccountName, verb: &str) -> Diagnostic {
    let (subject, account) = (used.subject, &used.service.spec.account);
    let message =
        format!("`{subject}` is {verb} in account {owner}, which does not share it with {account}");
    let problem = Diagnostic::error("unshared", used.at(), message);
    let Some(entry) = catalog.accounts.iter().find(|entry| entry.name == owner) else {
        return problem;
    };
    let covers = |shared: &Subject| shared == subject;
    let share = entry.spec.shares.iter().position(|share| covers(&share.subject));
    if let Some(index) = share {
        let path = format!("accounts.{owner}.shares[{index}].with");
        return problem
            .other(entry.document.at(&path), "shared with these")
            .help(format!("add {account} there"));
    }
    let line = format!("- {{subject: {subject}, with: [{account}]}}");
    problem
        .other(entry.document.key(&format!("accounts.{owner}")), "its owner")
        .help(format!("add `{line}` to the `shares` of {owner}"))
}

fn out_of_reach(used: &Use<'_>, owner: &AccountName, trails: &Trails<'_>) -> Diagnostic {
    let (subject, account) = (used.subject, &used.service.spec.account);
    let message =
        format!("`{subject}` is published in account {owner} and does not reach {account}");
    let help = match trails.keeper(subject) {
        Some(keeper) => format!(
            "audit records reach the account that keeps them and no other: move `{}` to {keeper}",
            used.service.name
        ),
        None => "audit records reach the account whose stream keeps them; no stream keeps this one"
            .to_owned(),
    };
    Diagnostic::error("unshared", used.at(), message).help(help)
}
