//! Shares from the side of those who may take them: each subject reaches an account from one place.

use std::collections::BTreeMap;

use super::shares::path;
use crate::environment::rules::catalog::{ByAccount, Catalog, Entry, Use};
use crate::environment::spec::{AccountSpec, ShareSpec};
use crate::environment::{Diagnostic, Diagnostics, Place};
use crate::model::{AccountName, Category, Subject, SubjectIndex, SubjectPattern};

/// A subject that one account offers another.
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    /// The account that shares.
    pub owner: &'a Entry<'a, AccountName, AccountSpec>,
    /// The place of the share in its list.
    pub index: usize,
    /// The share.
    pub share: &'a ShareSpec,
    /// The place of the taker in the share.
    pub number: usize,
}

impl<'a> Offer<'a> {
    /// The account that may take it.
    pub fn user(&self) -> &'a AccountName {
        &self.share.with[self.number]
    }

    /// The dotted path of the taker.
    pub fn path(&self) -> String {
        format!("{}.with[{}]", path(self.owner.name, self.index), self.number)
    }

    fn at(&self) -> Place {
        self.owner.document.at(&self.path())
    }
}

/// All offers, by the account that may take them.
pub struct Offers<'a> {
    by_user: BTreeMap<&'a AccountName, SubjectIndex<'a, Offer<'a>>>,
    /// Each of them, in the order of the files.
    pub all: Vec<Offer<'a>>,
}

impl<'a> Offers<'a> {
    /// Collects them. What an account offers itself is none.
    pub fn new(catalog: &'a Catalog<'a>) -> Self {
        let shares = catalog.accounts.iter().flat_map(|owner| {
            owner.spec.shares.iter().enumerate().map(move |(index, share)| (owner, index, share))
        });
        let all: Vec<Offer<'a>> = shares
            .flat_map(|(owner, index, share)| {
                (0..share.with.len()).map(move |number| Offer { owner, index, share, number })
            })
            .filter(|offer| offer.user() != offer.owner.name)
            .collect();
        let mut by_user: BTreeMap<_, SubjectIndex<'a, Offer<'a>>> = BTreeMap::new();
        for offer in &all {
            let index = by_user.entry(offer.user()).or_default();
            index.insert(offer.share.subject.as_str(), *offer);
        }
        Self { by_user, all }
    }

    /// The offer by which an account may have a subject.
    pub fn to(&self, account: &AccountName, subject: &Subject) -> Option<&Offer<'a>> {
        self.by_user.get(account)?.covering(subject.as_str()).first().copied()
    }

    /// Whether one account offers another everything that a pattern stands for.
    pub fn from(&self, owner: &AccountName, user: &AccountName, pattern: &SubjectPattern) -> bool {
        self.pulled(owner, user, pattern).next().is_some()
    }

    /// The offers by which an account may pull what another keeps.
    pub fn pulled(
        &self,
        owner: &AccountName,
        user: &AccountName,
        pattern: &SubjectPattern,
    ) -> impl Iterator<Item = &Offer<'a>> {
        let index = self.by_user.get(user);
        let found = index.map(|index| index.covering(pattern.as_str())).unwrap_or_default();
        found.into_iter().filter(move |offer| offer.owner.name == owner)
    }

    /// Finds offers of what the taker has already: of its own, or from somebody else.
    pub fn check(
        &self,
        serves: &ByAccount<'_, &Use<'_>>,
        publishes: &ByAccount<'_, &Use<'_>>,
        problems: &mut Diagnostics,
    ) {
        let mut earlier: BTreeMap<_, SubjectIndex<'_, &Offer<'_>>> = BTreeMap::new();
        for offer in &self.all {
            let subject = offer.share.subject.as_str();
            let own = match offer.share.subject.category() {
                Category::Service => serves.get(offer.user()),
                Category::Event | Category::Audit => publishes.get(offer.user()),
            };
            let own = own.map(|own| own.overlapping(subject)).unwrap_or_default();
            if let Some(used) = own.first() {
                problems.push(self.owned_too(offer, used));
            }
            let index = earlier.entry(offer.user()).or_default();
            let others = index.overlapping(subject).into_iter();
            if let Some(other) = others.into_iter().find(|o| o.owner.name != offer.owner.name) {
                problems.push(offered_twice(offer, other));
            }
            index.insert(subject, offer);
        }
    }

    fn owned_too(&self, offer: &Offer<'_>, used: &Use<'_>) -> Diagnostic {
        let (subject, owner, user) = (&offer.share.subject, offer.owner.name, offer.user());
        let back = self.by_user.get(owner).map(|own| own.overlapping(subject.as_str()));
        let back = back.unwrap_or_default().into_iter().find(|back| back.owner.name == user);
        if let Some(back) = back {
            let message = format!("{owner} and {user} share `{subject}` with each other");
            return Diagnostic::error("import-cycle", offer.at(), message)
                .other(back.at(), "and back here")
                .help(
                    "a message would go round in circles: only the account that owns it shares it",
                );
        }
        let message = format!("{user} has `{subject}` of its own");
        Diagnostic::error("import-overlap", offer.at(), message)
            .other(used.at(), format!("`{}` {} it there", used.service.name, used.verb))
            .help(format!(
                "an account has a subject from one place: take {user} out of the share, or rename one of both"
            ))
    }
}

fn offered_twice(offer: &Offer<'_>, other: &Offer<'_>) -> Diagnostic {
    let message = format!(
        "{} has `{}` from {} and from {}",
        offer.user(),
        offer.share.subject,
        other.owner.name,
        offer.owner.name
    );
    Diagnostic::error("import-overlap", offer.at(), message)
        .other(other.at(), "shared with it here too")
        .help("an account has a subject from one place: take it out of one of both shares")
}
