//! Lints about certificates' lives, and about who can still open the keys tomorrow.

use super::super::Document;
use crate::environment::Diagnostics;
use crate::environment::spec::{EnvironmentSpec, ProviderSpec};
use crate::model::{Period, Validity};

/// What authorities of the web may issue at most; longer lives hide that nobody can renew.
const LONGEST: Period = Period::days(398);

pub fn check(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    validity(environment, problems);
    recipients(environment, problems);
}

fn validity(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let validity = &environment.spec.identity.validity;
    let shortest = Period::seconds(2 * Validity::RENEW_BEFORE.duration().as_secs());
    for (name, life, leaf) in [
        ("authority", validity.authority, false),
        ("node", validity.node, true),
        ("client", validity.client, true),
    ] {
        let path = format!("identity.validity.{name}");
        if leaf && life > LONGEST {
            let message = format!("{name} certificates live {life}, more than {LONGEST}");
            let lint = environment.lint("long-certificate", &path, message);
            problems.push(lint.help(format!("use at most {LONGEST}: an apply renews them anyway")));
        }
        if life < shortest {
            let renew = Validity::RENEW_BEFORE;
            let message = format!("a life of {life} leaves less than {renew} between two renewals");
            let lint = environment.lint("short-certificate", &path, message);
            problems.push(lint.help(format!(
                "use at least {shortest}: an apply renews what has {renew} left, and each renewal of a node restarts it"
            )));
        }
    }
}

/// On AWS the account's own key seals the keys; elsewhere only recipients can open them.
fn recipients(environment: &Document<EnvironmentSpec>, problems: &mut Diagnostics) {
    let local = matches!(environment.spec.provider, ProviderSpec::Local(_));
    if local && environment.spec.identity.recipients.is_empty() {
        let message = "only the engineer who applies can open the keys";
        let lint = environment.lint("sole-recipient", "identity.recipients", message);
        problems.push(lint.help(
            "add a second age public key to identity.recipients: with a lost laptop go operator, accounts and authority",
        ));
    }
}
