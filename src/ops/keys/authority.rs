//! The certificate authority is succeeded: accept, issue, retire, each with its proof, and an overlap after the first
//! two.
//!
//! Each stage is one commit, and where it stands follows from the store. Until the last one every node trusts both, so
//! nodes that have taken a step and nodes that have not go on accepting each other and every client. An apply in
//! between finds nothing to do, or finishes the reloads of an interrupted run.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::client::names;
use super::doors::{Visitor, admit, doors, present, refuse};
use super::list::showing_others;
use super::node::{current, fingerprint};
use super::rotate::{Words, until};
use super::run::Run;
use super::{Replaced, Rotated, Step, Wish};
use crate::artifacts::{AuthorityStage, Scribe, authority_stage};
use crate::model::Client;
use crate::ops::OpsError;
use crate::ops::execute::StopSign;
use crate::pki::client_config;
use crate::provider::Provider;
use crate::secrets::{Beside, Document, Index, KeyName};

const ACCEPT: Step =
    Step { name: "accept", words: "make another authority, trusted beside the one that signs" };
const TRUST: Step =
    Step { name: "trust", words: "have one node after the other trust both, without a restart" };
const VERIFY_BOTH: Step = Step {
    name: "verify-both",
    words: "sign in at every port with a certificate of the one and of the other",
};
const WAIT_TRUST: Step = Step {
    name: "wait-trust",
    words: "give every client the file that holds both, until the overlap is over",
};
const ISSUE: Step = Step {
    name: "issue",
    words: "let the new authority sign the certificates of all nodes and clients",
};
const RELOAD: Step =
    Step { name: "reload", words: "have one node after the other take its new certificate" };
const VERIFY_NEW: Step = Step {
    name: "verify-new",
    words: "see that every port presents it, and still lets certificates of both in",
};
const WAIT_CERTIFICATES: Step = Step {
    name: "wait-certificates",
    words: "give every client its new certificate, until a second overlap is over",
};
const RETIRE: Step =
    Step { name: "retire", words: "take the old authority out of what is trusted" };
const DISTRUST: Step =
    Step { name: "distrust", words: "have one node after the other trust the new one alone" };
const VERIFY_OLD: Step = Step {
    name: "verify-old",
    words: "prove that every port refuses a certificate of the old authority, and lets in one of the new",
};
const FORGET: Step = Step { name: "forget", words: "forget the old authority" };

/// What is left to do.
pub(super) fn left(wish: Wish, index: &Index) -> Vec<Step> {
    let all = [
        ACCEPT,
        TRUST,
        VERIFY_BOTH,
        WAIT_TRUST,
        ISSUE,
        RELOAD,
        VERIFY_NEW,
        WAIT_CERTIFICATES,
        RETIRE,
        DISTRUST,
        VERIFY_OLD,
        FORGET,
    ];
    let first = match authority_stage(index) {
        AuthorityStage::Settled => ACCEPT,
        AuthorityStage::Accepting => TRUST,
        AuthorityStage::Issuing => RELOAD,
        AuthorityStage::Dropping => DISTRUST,
    };
    let waits = |step: &Step| *step == WAIT_TRUST || *step == WAIT_CERTIFICATES;
    let left = all.into_iter().skip_while(|step| *step != first);
    left.filter(|step| !(wish.leaked && waits(step))).collect()
}

/// Begins, or goes on.
pub(super) async fn rotate<P: Provider>(
    mut run: Run<'_, '_, P>,
    wish: Wish,
    stop: &StopSign,
) -> Result<Rotated, OpsError> {
    let mut begun = false;
    let mut pair = Pair::default();
    loop {
        stop.heed()?;
        pair.learn(&run.index);
        match authority_stage(&run.index) {
            AuthorityStage::Settled if begun => return Ok(finished(run, pair)),
            AuthorityStage::Settled => {
                let change = run.scribe().accept_authority(&run.index)?;
                run.commit(ACCEPT, change).await?;
            }
            AuthorityStage::Accepting => {
                accept(&mut run, stop).await?;
                let new = KeyName::authority().beside(Beside::Standby);
                if let Some(until) = until(&new, &run.index, wish, run.site.now()) {
                    return Ok(accepting(run, pair, until));
                }
                let change = run.scribe().succeed_authority(&run.index)?;
                run.commit(ISSUE, change).await?;
            }
            AuthorityStage::Issuing => {
                issue(&mut run, stop).await?;
                let new = KeyName::authority();
                if let Some(until) = until(&new, &run.index, wish, run.site.now()) {
                    return issuing(run, pair, until).await;
                }
                let change = run.scribe().dismiss(&[KeyName::authority()], &run.index)?;
                run.commit(RETIRE, change).await?;
            }
            AuthorityStage::Dropping => {
                drop_old(&mut run, stop).await?;
                let names = [KeyName::authority()];
                run.commit(FORGET, Scribe::forget_old(&names, Beside::Revoked)).await?;
            }
        }
        begun = true;
    }
}

/// The fingerprints of the new authority and of the old one, as far as there are two.
#[derive(Default)]
struct Pair {
    new: Option<String>,
    old: Option<String>,
}

impl Pair {
    /// Takes what the store tells; what it does not tell any more stays.
    fn learn(&mut self, index: &Index) {
        let name = KeyName::authority();
        let beside = |beside| fingerprint(index, Document::certificate(&name.beside(beside)));
        let own = fingerprint(index, Document::authority());
        let (new, old) = match beside(Beside::Standby) {
            Some(new) => (Some(new), own),
            None => match beside(Beside::Retiring).or_else(|| beside(Beside::Revoked)) {
                Some(old) => (own, Some(old)),
                None => (None, None),
            },
        };
        self.new = new.or(self.new.take());
        self.old = old.or(self.old.take());
    }
}

/// Every port lets certificates of both authorities in.
async fn both<P: Provider>(run: &Run<'_, '_, P>, beside: Beside) -> Result<(), OpsError> {
    let (doors, name) = (doors(run.site.cluster), KeyName::authority());
    for authority in [name.clone(), name.beside(beside)] {
        let visitor = Visitor::with_certificate_of(run.site, &run.index, &authority)?;
        admit(&doors, &visitor, &format!("a certificate of `{authority}`")).await?;
    }
    Ok(())
}

/// Every port presents its new certificate to somebody who trusts the new authority alone.
async fn presented<P: Provider>(run: &Run<'_, '_, P>) -> Result<(), OpsError> {
    let access = run.site.access(&run.index)?;
    let own = &access.certificate;
    let alone = run.index.document(&Document::authority()).unwrap_or_default();
    let tls = Arc::new(client_config(alone, Some((&own.public, &own.secret)))?);
    let cluster = run.site.cluster;
    present(&doors(cluster), &tls, |key| fingerprint(&run.index, current(cluster, key))).await
}

async fn accept<P: Provider>(run: &mut Run<'_, '_, P>, stop: &StopSign) -> Result<(), OpsError> {
    run.distribute(TRUST, stop).await?;
    run.step(VERIFY_BOTH, async |run| both(run, Beside::Standby).await).await
}

async fn issue<P: Provider>(run: &mut Run<'_, '_, P>, stop: &StopSign) -> Result<(), OpsError> {
    run.distribute(RELOAD, stop).await?;
    run.step(VERIFY_NEW, async |run| {
        presented(run).await?;
        both(run, Beside::Retiring).await
    })
    .await
}

async fn drop_old<P: Provider>(run: &mut Run<'_, '_, P>, stop: &StopSign) -> Result<(), OpsError> {
    run.distribute(DISTRUST, stop).await?;
    run.step(VERIFY_OLD, async |run| dropped(run).await).await
}

async fn dropped<P: Provider>(run: &Run<'_, '_, P>) -> Result<(), OpsError> {
    let (doors, name) = (doors(run.site.cluster), KeyName::authority());
    let old = name.beside(Beside::Revoked);
    let old = Visitor::with_certificate_of(run.site, &run.index, &old)?;
    refuse(&doors, &old, "a certificate of the old authority").await?;
    let new = Visitor::with_certificate_of(run.site, &run.index, &name)?;
    admit(&doors, &new, "a certificate of the new authority").await?;
    presented(run).await
}

fn replaced(pair: Pair, words: Words, connections: usize) -> Replaced {
    let Pair { new, old } = pair;
    let name = KeyName::authority().to_string();
    Replaced { name, new, old, connections, words: Some(words) }
}

/// What is to be told between two stages.
fn waiting<P>(
    run: Run<'_, '_, P>,
    (new, key): (KeyName, Replaced),
    until: Timestamp,
    remark: &str,
) -> Rotated {
    let (redeploy, leafnodes) = names(&Client::all(run.site.cluster));
    Rotated {
        done: false,
        steps: run.steps,
        keys: vec![key],
        until: Some(until),
        tell: vec![new],
        redeploy,
        leafnodes,
        remarks: vec![remark.to_owned()],
    }
}

fn accepting<P>(mut run: Run<'_, '_, P>, pair: Pair, until: Timestamp) -> Rotated {
    run.steps.push(WAIT_TRUST);
    let words = Words {
        new: "trusted by every node, signs nothing yet",
        old: "signs, trusted by every node".to_owned(),
    };
    let remark =
        "a client that does not get the new ca.pem in time will not trust the nodes any more";
    let new = KeyName::authority().beside(Beside::Standby);
    waiting(run, (new, replaced(pair, words, 0)), until, remark)
}

async fn issuing<P: Provider>(
    mut run: Run<'_, '_, P>,
    pair: Pair,
    until: Timestamp,
) -> Result<Rotated, OpsError> {
    run.steps.push(WAIT_CERTIFICATES);
    let clients = Client::all(run.site.cluster);
    let own: BTreeSet<String> = clients
        .iter()
        .filter_map(|client| {
            fingerprint(&run.index, Document::certificate(&KeyName::certificate_of(*client)))
        })
        .collect();
    let connections = showing_others(run.site, &own).await?;
    let words = Words {
        new: "has signed what every node presents",
        old: format!("still trusted; {connections} connections show one of its certificates"),
    };
    let remark =
        "a client that does not get its new client.pem in time will not be let in any more";
    let key = (KeyName::authority(), replaced(pair, words, connections));
    Ok(waiting(run, key, until, remark))
}

fn finished<P>(run: Run<'_, '_, P>, pair: Pair) -> Rotated {
    let words = Words {
        new: "the only one that is trusted",
        old: "refused at every port of every node".to_owned(),
    };
    let remark =
        "a connection that was made with an old certificate lives on until it ends by itself";
    Rotated {
        done: true,
        steps: run.steps,
        keys: vec![replaced(pair, words, 0)],
        remarks: vec![remark.to_owned()],
        ..Rotated::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Period;
    use crate::secrets::{KeyEntry, KeyKind};

    fn index(beside: &[Beside]) -> Index {
        let mut index = Index::default();
        let names = beside.iter().map(|beside| KeyName::authority().beside(*beside));
        for name in names.chain([KeyName::authority()]) {
            let (public, created) = (name.to_string(), Timestamp::UNIX_EPOCH);
            let entry = KeyEntry::new(KeyKind::Certificate, public, created);
            index.keys.insert(name, entry);
        }
        index
    }

    fn steps(beside: &[Beside], leaked: bool) -> Vec<&'static str> {
        let wish = Wish { overlap: Period::days(1), leaked };
        left(wish, &index(beside)).iter().map(|step| step.name).collect()
    }

    #[test]
    fn where_it_stands_follows_from_the_names_of_the_keys() {
        let all = steps(&[], false);
        assert_eq!((all.len(), all[0], all[11]), (12, "accept", "forget"));
        assert_eq!(steps(&[Beside::Standby], false), all[1..]);
        assert_eq!(steps(&[Beside::Retiring], false), all[5..]);
        assert_eq!(steps(&[Beside::Revoked], false), all[9..]);
    }

    #[test]
    fn a_leak_leaves_out_the_overlaps_and_nothing_else() {
        for beside in [&[][..], &[Beside::Standby], &[Beside::Retiring], &[Beside::Revoked]] {
            let patient = steps(beside, false).into_iter();
            let patient: Vec<_> = patient.filter(|step| !step.starts_with("wait")).collect();
            assert_eq!(steps(beside, true), patient);
        }
    }
}
