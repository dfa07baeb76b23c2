//! Leafnodes: servers at the edge that belong to somebody else's machine, and what may cross their connection.

use super::{AccountName, LeafnodeName, Subject};

/// A server outside of the cluster that passes chosen subjects to and from one account.
///
/// It has no `serves`: a server that permits a leafnode a subject permits it in every queue group and in none
/// (measured on 2.15.1), so an edge that answered requests could also listen to those that others answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leafnode {
    /// Its name: the edge server's name, the certificate's subject, the inbox prefix of its clients.
    pub name: LeafnodeName,
    /// The account that it reaches.
    pub account: AccountName,
    /// What it is for, in a sentence.
    pub description: String,
    /// Requests that its clients send.
    pub calls: Vec<Subject>,
    /// Events and audit records that its clients publish.
    pub publishes: Vec<Subject>,
    /// Events that its clients receive.
    pub subscribes: Vec<Subject>,
}

/// What may cross a leafnode's connection. An empty direction means *nothing*, not everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// Subjects of messages that go into the cluster.
    pub into: Vec<String>,
    /// Subjects of messages that come out of it.
    pub out: Vec<String>,
}

impl Leafnode {
    /// The prefix of the inboxes that belong to the clients of this edge alone.
    pub fn inbox_prefix(&self) -> String {
        format!("_INBOX.{}", self.name)
    }

    /// The name of its role in the account; no service can have one with a slash.
    pub fn role(&self) -> String {
        format!("leafnode/{}", self.name)
    }

    /// What the grants come to, sorted. Whoever may say something also hears the answers, in the edge's own inboxes.
    pub fn crossing(&self) -> Crossing {
        let text = |subject: &Subject| subject.as_str().to_owned();
        let mut into: Vec<String> = self.calls.iter().chain(&self.publishes).map(text).collect();
        let mut out: Vec<String> = self.subscribes.iter().map(text).collect();
        if !into.is_empty() {
            out.push(format!("{}.>", self.inbox_prefix()));
        }
        into.sort();
        out.sort();
        Crossing { into, out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge() -> Leafnode {
        Leafnode {
            name: "edge-eu".parse().unwrap(),
            account: "GAME".parse().unwrap(),
            description: String::new(),
            calls: vec![],
            publishes: vec![],
            subscribes: vec!["evt.quest.generated.v1".parse().unwrap()],
        }
    }

    #[test]
    fn an_edge_that_only_listens_sends_nothing_and_has_no_inbox() {
        let crossing = edge().crossing();
        assert_eq!(crossing.into, Vec::<String>::new());
        assert_eq!(crossing.out, ["evt.quest.generated.v1"]);
    }

    #[test]
    fn an_edge_that_calls_hears_its_own_answers_and_nobody_elses() {
        let edge = Leafnode { calls: vec!["svc.quest.v1.generate".parse().unwrap()], ..edge() };
        assert_eq!(edge.crossing().into, ["svc.quest.v1.generate"]);
        assert_eq!(edge.crossing().out, ["_INBOX.edge-eu.>", "evt.quest.generated.v1"]);
    }
}
