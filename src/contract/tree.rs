//! The subjects of a contract as a tree of their tokens.

use std::collections::BTreeMap;

use serde::Serialize;

/// A token with what follows it. Tokens that nothing branches from are joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Branch {
    /// The tokens, joined by dots.
    pub tokens: String,
    /// The subject that ends here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What follows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Self>,
}

#[derive(Default)]
struct Node<'a> {
    subject: Option<&'a str>,
    next: BTreeMap<&'a str, Self>,
}

/// The tree of subjects: one branch for each first token.
pub fn tree<'a>(subjects: impl Iterator<Item = &'a str>) -> Vec<Branch> {
    let mut root = Node::default();
    for subject in subjects {
        let node =
            subject.split('.').fold(&mut root, |node, token| node.next.entry(token).or_default());
        node.subject = Some(subject);
    }
    root.next.into_iter().map(|(token, node)| branch(token.to_owned(), node)).collect()
}

fn branch(mut tokens: String, mut node: Node<'_>) -> Branch {
    while node.subject.is_none() && node.next.len() == 1 {
        let Some((token, next)) = node.next.pop_first() else {
            break;
        };
        tokens = format!("{tokens}.{token}");
        node = next;
    }
    Branch {
        tokens,
        subject: node.subject.map(str::to_owned),
        branches: node
            .next
            .into_iter()
            .map(|(token, node)| branch(token.to_owned(), node))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_branches_from_is_joined() {
        let subjects = ["evt.a.b.v1", "evt.a.b.v1.*", "svc.a.v1.x", "svc.a.v1.y", "svc.b.v1.x"];
        let shown = |branch: &Branch| branch.tokens.clone();
        let tree = tree(subjects.into_iter());
        assert_eq!(tree.iter().map(shown).collect::<Vec<_>>(), ["evt.a.b.v1", "svc"]);
        assert_eq!(tree[0].branches[0].subject.as_deref(), Some("evt.a.b.v1.*"));
        assert_eq!(tree[1].branches.iter().map(shown).collect::<Vec<_>>(), ["a.v1", "b.v1.x"]);
    }
}
