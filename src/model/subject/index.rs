//! An index over subjects and patterns, so that a question costs as much as its answer and not as much as the catalog.

use std::collections::BTreeMap;

/// Values by subject or pattern, as a tree of tokens.
#[derive(Debug)]
pub struct SubjectIndex<'a, T> {
    root: Node<'a, T>,
}

#[derive(Debug)]
struct Node<'a, T> {
    /// Values whose subject ends here.
    here: Vec<T>,
    /// Values whose subject goes on with `>`.
    rest: Vec<T>,
    named: BTreeMap<&'a str, Self>,
    any: Option<Box<Self>>,
}

impl<T> Default for Node<'_, T> {
    fn default() -> Self {
        Self { here: Vec::new(), rest: Vec::new(), named: BTreeMap::new(), any: None }
    }
}

impl<T> Default for SubjectIndex<'_, T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<'a, T> SubjectIndex<'a, T> {
    /// Adds a value under a subject or pattern; several may share one.
    pub fn insert(&mut self, pattern: &'a str, value: T) {
        let mut node = &mut self.root;
        for token in pattern.split('.') {
            node = match token {
                ">" => {
                    node.rest.push(value);
                    return;
                }
                "*" => node.any.get_or_insert_default(),
                token => node.named.entry(token).or_default(),
            };
        }
        node.here.push(value);
    }

    /// The values whose pattern covers a whole subject or pattern.
    pub fn covering(&self, inner: &str) -> Vec<&T> {
        let mut found = Vec::new();
        self.root.covering(&tokens(inner), &mut found);
        found
    }

    /// The values whose pattern shares a subject with this one.
    pub fn overlapping(&self, pattern: &str) -> Vec<&T> {
        let mut found = Vec::new();
        self.root.overlapping(&tokens(pattern), &mut found);
        found
    }
}

fn tokens(text: &str) -> Vec<&str> {
    text.split('.').collect()
}

impl<T> Node<'_, T> {
    fn covering<'s>(&'s self, inner: &[&str], found: &mut Vec<&'s T>) {
        let Some((token, after)) = inner.split_first() else {
            found.extend(&self.here);
            return;
        };
        found.extend(&self.rest);
        if *token == ">" {
            return;
        }
        if let Some(any) = &self.any {
            any.covering(after, found);
        }
        if let Some(named) = self.named.get(*token) {
            named.covering(after, found);
        }
    }

    fn overlapping<'s>(&'s self, pattern: &[&str], found: &mut Vec<&'s T>) {
        let Some((token, after)) = pattern.split_first() else {
            found.extend(&self.here);
            return;
        };
        found.extend(&self.rest);
        match *token {
            ">" => self.children().for_each(|child| child.everything(found)),
            "*" => self.children().for_each(|child| child.overlapping(after, found)),
            token => {
                let next = self.any.as_deref().into_iter().chain(self.named.get(token));
                next.for_each(|child| child.overlapping(after, found));
            }
        }
    }

    fn everything<'s>(&'s self, found: &mut Vec<&'s T>) {
        found.extend(&self.here);
        found.extend(&self.rest);
        self.children().for_each(|child| child.everything(found));
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        self.any.as_deref().into_iter().chain(self.named.values())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::matching::{covers, overlaps};
    use super::*;

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_finds(
            patterns in prop::collection::vec("(a|b|\\*)(\\.(a|b|\\*)){0,3}(\\.>)?", 0..30),
            asked in "(a|b|\\*)(\\.(a|b|\\*)){0,3}(\\.>)?",
        ) {
            let mut index = SubjectIndex::default();
            for (number, pattern) in patterns.iter().enumerate() {
                index.insert(pattern, number);
            }
            let sorted = |found: Vec<&usize>| {
                let mut found: Vec<usize> = found.into_iter().copied().collect();
                found.sort_unstable();
                found
            };
            let search = |relation: fn(&str, &str) -> bool| -> Vec<usize> {
                (0..patterns.len()).filter(|&n| relation(&patterns[n], &asked)).collect()
            };
            prop_assert_eq!(sorted(index.covering(&asked)), search(covers));
            prop_assert_eq!(sorted(index.overlapping(&asked)), search(overlaps));
        }
    }
}
