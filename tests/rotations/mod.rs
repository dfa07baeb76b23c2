//! Every kind of key is rotated under load: no acknowledged message is lost, no request fails for good, no connection is
//! closed before its service has another, and afterwards every node refuses what was replaced.
//!
//! `make rotations` does it ten times over, with a kill at every step, and writes docs/rotation-table.md.

mod counts;
mod figures;
mod load;
mod searches;
mod services;

use std::process::{Output as Ended, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use natsops::nats::trusted_keys;
use natsops::secrets::{KeyName, Ticket};
use serde_json::Value;

use self::figures::{Figures, Row};
use self::load::Load;
use self::searches::Search;
use crate::cluster::{Keys, servers};
use crate::keys::rotate::{creds, let_in};
use crate::support::{Cluster, Output, Project};

/// A kind of rotation. Another kind is one more line below.
#[derive(Clone, Copy)]
struct Kind {
    /// What is replaced, as the command line has it.
    what: &'static [&'static str],
    /// Whether the old key is let in for a while, so that the same command is run a second time.
    overlaps: bool,
    /// Whether it ends with a restart of every node, which moves every connection.
    restarts: bool,
    /// What no server must accept afterwards.
    void: Void,
}

impl Kind {
    /// The first step: where that is left to do, nothing is under way.
    fn beginning(&self) -> &'static str {
        if self.what[0] == "signing-key" { "accept" } else { "issue" }
    }

    /// The step that takes longest.
    fn longest(&self) -> &'static str {
        match (self.void, self.overlaps) {
            (Void::OperatorKey, _) => "restart",
            (Void::Creds, _) => "push",
            (Void::Nothing, true) => "verify-new",
            (Void::Nothing, false) => "reload",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Void {
    /// The creds that services had.
    Creds,
    /// The operator's former signing key.
    OperatorKey,
    /// Nothing: servers accept a certificate until it ends.
    Nothing,
}

const KINDS: [Kind; 6] = [
    Kind { what: &["user", "payments"], overlaps: true, restarts: false, void: Void::Creds },
    Kind { what: &["user", "llm-gateway"], overlaps: true, restarts: false, void: Void::Creds },
    Kind { what: &["signing-key", "COMMERCE"], overlaps: true, restarts: false, void: Void::Creds },
    Kind { what: &["operator-key"], overlaps: false, restarts: true, void: Void::OperatorKey },
    Kind { what: &["node-certificates"], overlaps: false, restarts: false, void: Void::Nothing },
    Kind {
        what: &["client-certificates", "wallet"],
        overlaps: true,
        restarts: false,
        void: Void::Nothing,
    },
];

/// The stage: a cluster, the load on it, and what is searched for.
struct Stage {
    cluster: Cluster,
    load: Load,
    search: Search,
    figures: Figures,
}

/// One run of the program.
struct Run {
    said: Value,
    /// Each step, and how long after the start of the program it was in the middle of that.
    steps: Vec<(String, Duration)>,
}

impl Stage {
    async fn set() -> Self {
        let cluster = Cluster::applied();
        let search = Search::of(&cluster.project);
        let load = Load::start(&cluster.project).await;
        // Until everybody is at work.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Self { cluster, load, search, figures: Figures::default() }
    }

    fn project(&self) -> &Project {
        &self.cluster.project
    }

    /// Rotates, and has the program killed in the middle of a step if one is given; gives the middle of each step.
    async fn rotate(&mut self, kind: &Kind, kill: Option<&Kill>) -> Vec<Kill> {
        let before = self.load.counts.snapshot();
        let old = self.old(kind);
        self.load.counts.nodes_restart.store(kind.restarts, Ordering::Relaxed);
        let begin = Instant::now();
        let mut steps = Vec::new();
        let mut killed = None;
        let halves: &[&[&str]] = if kind.overlaps { &[&[], &["--overlap", "0s"]] } else { &[&[]] };
        let mut replaced = Vec::new();
        for (half, more) in halves.iter().enumerate() {
            if let Some(kill) = kill.filter(|kill| kill.half == half) {
                let stands = self.kill(kind, more, kill).await;
                let over = half > 0 && stands == kind.beginning();
                killed = Some(if over { "nothing".to_owned() } else { stands });
                if over {
                    // It was faster than the kill, and the same command would begin anew.
                    break;
                }
            }
            let run = self.run(kind, more).await;
            steps.extend(run.steps.into_iter().map(|(step, after)| Kill { half, step, after }));
            if half + 1 < halves.len() {
                let redeploy = run.said["rotation"]["redeploy"].as_array().unwrap();
                let redeploy: Vec<String> =
                    redeploy.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
                self.search.learn(&self.cluster.project);
                replaced = self.load.redeploy(self.project(), &redeploy).await;
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        if kind.restarts {
            // The last clients are just coming back.
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.load.counts.nodes_restart.store(false, Ordering::Relaxed);
        }
        assert_eq!(replaced.is_empty(), !kind.overlaps, "nobody of the load took part");
        let accepting = self.accepting(kind, &old, &replaced).await;
        self.search.learn(&self.cluster.project);
        let after = self.load.counts.snapshot();
        let row = Row {
            what: kind.what.join(" "),
            killed,
            seconds,
            acknowledged: after.acknowledged - before.acknowledged,
            answered: after.answered - before.answered,
            failed: after.failed - before.failed,
            closed: after.closed - before.closed,
            accepting,
        };
        println!("{row:?}");
        assert_eq!((row.failed, row.closed, row.accepting), (0, 0, 0), "{row:?}");
        self.figures.rows.push(row);
        steps
    }

    /// What no server must accept afterwards: of each service its creds.
    fn old(&self, kind: &Kind) -> Vec<(String, Ticket)> {
        match kind.void {
            Void::OperatorKey | Void::Nothing => Vec::new(),
            Void::Creds => ["payments", "store", "wallet", "inventory", "llm-gateway"]
                .into_iter()
                .map(|service| (service.to_owned(), creds(self.project(), service)))
                .collect(),
        }
    }

    /// How many of the servers still accept what was replaced.
    async fn accepting(&self, kind: &Kind, old: &[(String, Ticket)], replaced: &[&str]) -> usize {
        let mut count = 0;
        match kind.void {
            Void::Nothing => {}
            Void::Creds => {
                for (service, user) in old.iter().filter(|(name, _)| replaced.contains(&&**name)) {
                    count += let_in(self.project(), user).await;
                    let new = creds(self.project(), service);
                    assert_eq!(let_in(self.project(), &new).await, 5, "{service} is not let in");
                }
            }
            Void::OperatorKey => {
                let index = Keys::of(self.project()).index;
                let trusted =
                    |number: u8| index.public(&KeyName::operator_signing(number)).unwrap();
                let current = [trusted(1), trusted(2), trusted(3)];
                for server in servers(self.project()).await {
                    // The three current ones, the identity, and nothing else.
                    let keys = trusted_keys(&server);
                    assert!(current.iter().all(|key| keys.contains(*key)));
                    count += keys.len() - current.len() - 1;
                }
            }
        }
        count
    }

    fn arguments<'k>(kind: &'k Kind, more: &[&'k str]) -> Vec<&'k str> {
        [&["keys", "rotate", "local"], kind.what, &["--yes", "--json"], more].concat()
    }

    /// Runs the program to its end.
    async fn run(&self, kind: &Kind, more: &[&str]) -> Run {
        let begin = Instant::now();
        let ended = self.spawn(kind, more, None).await;
        let total = begin.elapsed();
        let output = Output::of(&ended).expect(0);
        Run { said: output.json(), steps: timed(&output.stderr, total) }
    }

    /// Kills the program in the middle of a step; gives the step at which it then stands.
    async fn kill(&self, kind: &Kind, more: &[&str], kill: &Kill) -> String {
        self.spawn(kind, more, Some(kill.after)).await;
        let mut arguments = Self::arguments(kind, more);
        arguments.push("--dry-run");
        let left = self.project().run(&arguments).expect(0).json();
        left["left"][0].as_str().unwrap().to_owned()
    }

    /// Starts the program, looks for seeds in its arguments while it runs, and kills it if it is time.
    async fn spawn(&self, kind: &Kind, more: &[&str], after: Option<Duration>) -> Ended {
        let mut command = self.project().command(&Self::arguments(kind, more));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begin = Instant::now();
        // What it says fits into the pipes, so it can be read at the end.
        while child.try_wait().unwrap().is_none() {
            self.search.arguments();
            if after.is_some_and(|after| begin.elapsed() >= after) {
                child.kill().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.wait_with_output().unwrap()
    }

    /// Ends the load, and looks at everything once more.
    async fn end(self) -> Figures {
        let Self { cluster, load, search, mut figures } = self;
        cluster.project.run(&["plan", "local", "--detailed-exitcode"]).expect(0);
        let counts = Arc::clone(&load.counts);
        let seconds = load.end(&cluster).await;
        let all = counts.snapshot();
        let rate = |count: u64| u32::try_from(count).map(f64::from).unwrap() / seconds;
        figures.published = rate(all.acknowledged);
        figures.answered = rate(all.answered);
        println!(
            "{:.0} acknowledged and {:.0} answered a second",
            figures.published, figures.answered
        );
        assert!(figures.published >= 200.0 && figures.answered >= 200.0, "the load was too small");
        search.files(&cluster.project);
        assert_eq!(cluster.failing_checks(), Vec::<String>::new());
        figures
    }
}

/// When the program is killed.
struct Kill {
    /// In its first or in its second run.
    half: usize,
    step: String,
    after: Duration,
}

/// The times of the steps, from the line that the program ends with: `accept 13 ms, issue 1.2 s; 1.9 s in all`.
fn timed(stderr: &str, total: Duration) -> Vec<(String, Duration)> {
    let line = stderr.lines().find(|line| line.ends_with(" in all")).unwrap_or_default();
    let steps = line.split(';').next().unwrap_or_default();
    let parsed: Vec<(String, Duration)> = steps
        .split(", ")
        .filter_map(|step| {
            let mut words = step.split(' ');
            let name = words.next()?.to_owned();
            let number: f64 = words.next()?.parse().ok()?;
            let unit = if words.next()? == "ms" { 0.001 } else { 1.0 };
            Some((name, Duration::from_secs_f64(number * unit)))
        })
        .collect();
    let worked: Duration = parsed.iter().map(|(_, time)| *time).sum();
    let mut at = total.saturating_sub(worked);
    let mut steps = Vec::new();
    for (name, time) in parsed {
        steps.push((name, at + time / 2));
        at += time;
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_keys_are_rotated_and_the_program_is_killed() {
    let mut stage = Stage::set().await;
    for kind in &KINDS[1..] {
        let moments = stage.rotate(kind, None).await;
        // In the middle of what takes longest.
        let kill = moments.iter().find(|kill| kill.step == kind.longest()).unwrap();
        stage.rotate(kind, Some(kill)).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make rotations` runs it: it takes long"]
async fn ten_times_over_and_killed_at_every_step() {
    let mut stage = Stage::set().await;
    for kind in &KINDS {
        let moments = stage.rotate(kind, None).await;
        for _ in 1..10 {
            stage.rotate(kind, None).await;
        }
        for kill in &moments {
            stage.rotate(kind, Some(kill)).await;
        }
    }
    stage.end().await.write();
}
