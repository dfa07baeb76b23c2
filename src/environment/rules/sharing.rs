//! Rules of what crosses between accounts: what an account shares, what its services take from others, and who keeps
//! the audit records.

mod offers;
mod shares;
mod taken;
mod trails;

use super::Document;
use super::catalog::{Catalog, all_uses, by_account};
use crate::environment::Diagnostics;
use crate::environment::spec::CatalogSpec;

pub use offers::{Offer, Offers};
pub use trails::Trails;

/// Finds every breach.
pub fn check(documents: &[Document<CatalogSpec>], problems: &mut Diagnostics) {
    let catalog = Catalog::new(documents);
    let served: Vec<_> = all_uses(&catalog, "serves").collect();
    let published: Vec<_> = all_uses(&catalog, "publishes").collect();
    let (serves, publishes) = (by_account(&served), by_account(&published));
    let (offers, trails) = (Offers::new(&catalog), Trails::new(&catalog));
    shares::check(&catalog, &serves, &publishes, problems);
    offers.check(&serves, &publishes, problems);
    taken::calls(&catalog, &served, &serves, &offers, problems);
    let subscribed: Vec<_> = all_uses(&catalog, "subscribes").collect();
    taken::subscriptions(&catalog, (&subscribed, &publishes), (&offers, &trails), problems);
    trails.check(&published, problems);
    let mut taken = subscribed;
    taken.retain(|used| offers.to(&used.service.spec.account, used.subject).is_some());
    trails::streams_at_home(&catalog, &publishes, &by_account(&taken), problems);
}
