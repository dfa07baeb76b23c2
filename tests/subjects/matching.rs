//! Matching, covering, overlapping and permissions, each decided by a real server as well.

use std::collections::BTreeSet;

use natsops::model::matching::{admits, covers, overlaps};
use natsops::model::{Permissions, SubjectIndex, Subscription};

use crate::support::Dice;
use crate::support::plain_server::{PlainClient, PlainServer};

/// How many different patterns are drawn; every pair of them is compared.
const PATTERNS: usize = 150;

/// Every subject of up to five tokens. `z` stands in no pattern, so that a wildcard meets what it alone matches.
fn universe() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut last: Vec<String> = vec![String::new()];
    for _ in 0..5 {
        last = last
            .iter()
            .flat_map(|front| ["a", "b", "c", "z"].map(|token| format!("{front}{token}.")))
            .collect();
        all.extend(last.iter().map(|subject| subject.trim_end_matches('.').to_owned()));
    }
    all
}

/// A pattern of up to four tokens.
fn pattern(dice: &mut Dice) -> String {
    let length = 1 + dice.roll(4);
    let mut tokens: Vec<&str> =
        (0..length).map(|_| ["a", "b", "c", "*", "*"][dice.roll(5)]).collect();
    if dice.roll(3) == 0 {
        tokens[length - 1] = ">";
    }
    tokens.join(".")
}

/// For each pattern, the numbers of the subjects that the server delivers to its subscription.
fn delivered(
    client: &mut PlainClient,
    patterns: &[String],
    subjects: &[String],
) -> Vec<BTreeSet<usize>> {
    for (sid, pattern) in patterns.iter().enumerate() {
        client.write(&format!("SUB {pattern} {sid}\r\n"));
    }
    let mut received = vec![BTreeSet::new(); patterns.len()];
    for (number, subject) in subjects.iter().enumerate() {
        client.write(&format!("PUB {subject} 0\r\n\r\n"));
        for line in client.until_pong() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["MSG", _, sid, ..] => {
                    received[sid.parse::<usize>().unwrap()].insert(number);
                }
                [""] => {}
                other => panic!("{other:?}"),
            }
        }
    }
    received
}

#[test]
fn patterns_relate_as_a_server_delivers() {
    let server = PlainServer::start("");
    let mut dice = Dice::new(20_261_125);
    let mut drawn = BTreeSet::new();
    while drawn.len() < PATTERNS {
        drawn.insert(pattern(&mut dice));
    }
    let patterns: Vec<String> = drawn.into_iter().collect();
    let subjects = universe();
    let received = delivered(&mut server.connect(None), &patterns, &subjects);
    let mut index = SubjectIndex::default();
    patterns.iter().enumerate().for_each(|(number, pattern)| index.insert(pattern, number));
    let (mut matched, mut overlapping, mut covering) = (0, 0, 0);
    for (number, subject) in subjects.iter().enumerate() {
        let found: BTreeSet<usize> = index.covering(subject).into_iter().copied().collect();
        for (at, pattern) in patterns.iter().enumerate() {
            let expected = received[at].contains(&number);
            assert_eq!(admits(pattern, subject), expected, "{pattern} and {subject}");
            assert_eq!(covers(pattern, subject), expected, "{pattern} and {subject}");
            assert_eq!(found.contains(&at), expected, "{pattern} and {subject}");
            matched += usize::from(expected);
        }
    }
    for (one, a) in patterns.iter().enumerate() {
        let found: BTreeSet<usize> = index.overlapping(a).into_iter().copied().collect();
        for (two, b) in patterns.iter().enumerate() {
            let shared = !received[one].is_disjoint(&received[two]);
            assert_eq!(overlaps(a, b), shared, "{a} and {b}");
            assert_eq!(found.contains(&two), shared, "{a} and {b}");
            assert_eq!(covers(a, b), received[two].is_subset(&received[one]), "{a} over {b}");
            overlapping += usize::from(shared);
            covering += usize::from(covers(a, b));
        }
    }
    // Two different patterns in either order are one pair.
    let pairs = PATTERNS * (PATTERNS - 1) / 2;
    assert!(pairs > 10_000, "{pairs} pairs are too few");
    for often in [matched, overlapping, covering] {
        assert!(often > 1_000, "{matched}, {overlapping}, {covering}: one of them hardly happens");
    }
}

/// Queue groups, one of which covers others.
const GROUPS: [&str; 4] = ["q.one", "q.two", "q.*", "other"];

fn permissions(dice: &mut Dice) -> Permissions {
    let publish = (0..1 + dice.roll(3)).map(|_| pattern(dice)).collect();
    let subscribe = (0..1 + dice.roll(4)).map(|_| Subscription {
        subject: pattern(dice),
        queue: (dice.roll(2) == 0).then(|| GROUPS[dice.roll(4)].to_owned()),
    });
    Permissions { publish, subscribe: subscribe.collect(), replies: false }
}

/// The permissions as a server's configuration has them.
fn user(name: usize, permissions: &Permissions) -> String {
    let quoted = |entries: Vec<String>| {
        entries.iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>().join(", ")
    };
    let publish = quoted(permissions.publish.clone());
    let subscribe = quoted(permissions.subscribe.iter().map(Subscription::claim).collect());
    format!(
        "{{user: u{name}, password: u{name}, permissions: {{publish: {{allow: [{publish}]}}, \
         subscribe: {{allow: [{subscribe}]}}}}}}\n"
    )
}

#[test]
fn permissions_answer_as_a_server_does() {
    let mut dice = Dice::new(7);
    let roles: Vec<Permissions> = (0..60).map(|_| permissions(&mut dice)).collect();
    let users: String = roles.iter().enumerate().map(|(name, role)| user(name, role)).collect();
    let server = PlainServer::start(&format!("authorization: {{users: [\n{users}]}}\n"));
    let (mut allowed, mut refused) = (0, 0);
    for (name, role) in roles.iter().enumerate() {
        let mut client = server.connect(Some(&format!("u{name}")));
        for sid in 1..=200 {
            let asked = pattern(&mut dice);
            let queue = (dice.roll(2) == 0).then(|| GROUPS[dice.roll(4)]);
            let (words, ours) = if dice.roll(3) == 0 {
                (format!("PUB {asked} 0\r\n\r\n"), role.may_publish(&asked).is_some())
            } else {
                let words =
                    format!("SUB {asked} {} {sid}\r\nUNSUB {sid}\r\n", queue.unwrap_or_default());
                (words, role.may_subscribe(&asked, queue).is_ok())
            };
            client.write(&words);
            let said = client.until_pong();
            assert!(said.iter().all(|line| line.contains("Permissions Violation")), "{said:?}");
            let theirs = said.is_empty();
            assert_eq!(ours, theirs, "{words:?} with {role:?}");
            *if theirs { &mut allowed } else { &mut refused } += 1;
        }
    }
    assert!(allowed > 1_000 && refused > 1_000, "{allowed} allowed, {refused} refused");
}
