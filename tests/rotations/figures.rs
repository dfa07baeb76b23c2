//! The figures of many rotations, as docs/rotation-table.md.

use std::fmt::Write as _;

use crate::support::package;

/// What one rotation came to.
#[derive(Debug)]
pub struct Row {
    pub what: String,
    /// The step at which the program stood when it was killed, if it was.
    pub killed: Option<String>,
    pub seconds: f64,
    pub acknowledged: u64,
    pub answered: u64,
    pub cached: u64,
    pub failed: u64,
    pub closed: u64,
    /// Servers that accept what was replaced.
    pub accepting: usize,
}

/// Those of all rotations, and of the load.
#[derive(Default)]
pub struct Figures {
    pub rows: Vec<Row>,
    /// Acknowledged a second.
    pub published: f64,
    /// Answered a second.
    pub answered: f64,
    /// Written to the cache and read from there a second.
    pub cached: f64,
}

impl Figures {
    /// Writes the table. Whoever gets here has lost nothing: a message that is lost fails the test before.
    pub fn write(&self) {
        let mut text = String::from(HEAD);
        let mut kinds: Vec<&str> = self.rows.iter().map(|row| row.what.as_str()).collect();
        kinds.dedup();
        for kind in kinds {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.what == kind).collect();
            let sum = |figure: fn(&Row) -> u64| rows.iter().map(|row| figure(row)).sum::<u64>();
            let killed: Vec<&str> = rows.iter().filter_map(|row| row.killed.as_deref()).collect();
            let whole = rows.iter().filter(|row| row.killed.is_none());
            let slowest = whole.map(|row| row.seconds).fold(0.0, f64::max);
            writeln!(
                text,
                "| `{kind}` | {} | {} | {} | 0 | {} | {} | {} | {} | {} | {slowest:.1} s |",
                rows.len(),
                killed.len(),
                sum(|row| row.acknowledged),
                sum(|row| row.answered),
                sum(|row| row.cached),
                sum(|row| row.failed),
                sum(|row| row.closed),
                rows.iter().map(|row| row.accepting).sum::<usize>(),
            )
            .unwrap();
        }
        let Self { published, answered, cached, .. } = self;
        writeln!(
            text,
            "\nThe load: {published:.0} messages acknowledged and {answered:.0} requests answered a second, and {cached:.0} values \
             written to the cache and read from there, all the time."
        )
        .unwrap();
        text.push_str(
            "\n## Where the program was killed\n\n| rotation | it went on with |\n|---|---|\n",
        );
        for row in &self.rows {
            if let Some(step) = &row.killed {
                writeln!(text, "| `{}` | {step} |", row.what).unwrap();
            }
        }
        std::fs::write(package().join("docs/rotation-table.md"), text).unwrap();
    }
}

const HEAD: &str = "\
# Rotations under load

Written by `make rotations`: keys of a five-node cluster and its cache are rotated on one machine, again and again, then with
the program killed (SIGKILL) at the moment that was the middle of each step in the run before, and started again; a rotation that was faster than its kill counts as one without. In two accounts, services publish with message ids to
streams of three replicas, consume durably, ask and answer; half of them make a new connection before they drain the
old one, the others restart one instance after the other. One of them uses the cache.

- lost: acknowledged messages that their stream does not hold at the end, by their ids
- cached: values that a service has written to the cache and read from there
- failed: what ten attempts did not achieve: messages, requests and uses of the cache alike
- closed: connections that a server closed before their service had others; while nodes restart, connections move, and are not counted. A node
  of the cache can't tell with which password somebody has signed in, so it closes them all when the old one ends
- accepting: servers that afterwards accept what was replaced
- slowest: the longest rotation without a kill, with the redeployment of the services and short overlaps in it

| rotation | times | with a kill | acknowledged | lost | answered | cached | failed | closed | accepting | slowest |
|---|---|---|---|---|---|---|---|---|---|---|
";
