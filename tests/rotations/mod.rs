//! Every kind of key is rotated under load: no acknowledged message is lost, no request fails for good, no connection is
//! closed before its service has another, and afterwards every node refuses what was replaced.
//!
//! `make rotations` does it ten times over, with a kill at every step, and writes docs/rotation-table.md.

mod cached;
mod counts;
mod figures;
mod kinds;
mod load;
mod searches;
mod services;
mod voids;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Output as Ended, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use natsops::model::Period;
use serde_json::Value;

use self::figures::{Figures, Row};
use self::kinds::{KINDS, Kind};
use self::load::Load;
use self::searches::Search;
use self::voids::Old;
use crate::support::{Cluster, Output, Project};

/// How often `make rotations` rotates each kind without a kill, unless the variable `ROTATIONS` says otherwise.
const TIMES: u32 = 10;

/// Its number.
const SIGKILL: i32 = 9;

/// So often a kill may come too late before the test fails.
const KILLS: u32 = 8;

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
        let cluster = Cluster::with_cache();
        let search = Search::of(&cluster.project);
        let load = Load::start(&cluster.project).await;
        // Until everybody is at work.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Self { cluster, load, search, figures: Figures::default() }
    }

    fn project(&self) -> &Project {
        &self.cluster.project
    }

    /// Rotates, and has the program killed in the middle of a step. One that was faster than that is killed earlier the
    /// next time: it counts as a rotation without a kill.
    async fn rotate_killed(&mut self, kind: &Kind, kill: &Kill) {
        let Kill { run, step, mut after } = kill.clone();
        for _ in 0..KILLS {
            let kill = Kill { run, step: step.clone(), after };
            self.rotate(kind, Some(&kill)).await;
            if self.figures.rows.last().is_some_and(|row| row.killed.is_some()) {
                return;
            }
            after = after.mul_f64(0.6);
        }
        panic!("{}: the program is always faster than the kill at {step}", kind.what.join(" "));
    }

    /// Rotates, and has the program killed in the middle of a step if one is given; gives the middle of each step.
    async fn rotate(&mut self, kind: &Kind, kill: Option<&Kill>) -> Vec<Kill> {
        let before = self.load.counts.snapshot();
        let mut old = Old::of(kind, self.project());
        self.load.counts.nodes_restart.store(kind.restarts, Ordering::Relaxed);
        let begin = Instant::now();
        let mut ended = begin;
        let mut steps = Vec::new();
        let mut killed = None;
        for (number, overlap) in kind.overlaps.iter().copied().enumerate() {
            if number > 0 {
                let period: Period = overlap.parse().unwrap();
                tokio::time::sleep(period.duration().saturating_sub(ended.elapsed())).await;
            }
            if let Some(kill) = kill.filter(|kill| kill.run == number) {
                let Killed { stands, alive } = self.kill(kind, overlap, kill).await;
                let over = number > 0 && stands == kind.first;
                killed = (alive && !over).then_some(stands);
                if over {
                    // It was faster than the kill, and the same command would begin anew.
                    break;
                }
            }
            let run = self.run(kind, overlap).await;
            ended = Instant::now();
            let middles = run.steps.into_iter();
            steps.extend(middles.map(|(step, after)| Kill { run: number, step, after }));
            if number + 1 < kind.overlaps.len() {
                self.hand_out(&run.said, &mut old).await;
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        if kind.restarts {
            // The last clients are just coming back.
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.load.counts.nodes_restart.store(false, Ordering::Relaxed);
        }
        let accepting = old.accepting(self.project()).await;
        self.search.learn(&self.cluster.project);
        let after = self.load.counts.snapshot();
        let row = Row {
            what: kind.what.join(" "),
            killed,
            seconds,
            acknowledged: after.acknowledged - before.acknowledged,
            answered: after.answered - before.answered,
            cached: after.cached - before.cached,
            failed: after.failed - before.failed,
            closed: after.closed - before.closed,
            accepting,
        };
        println!("{row:?}");
        assert_eq!((row.failed, row.closed, row.accepting), (0, 0, 0), "{row:?}");
        self.figures.rows.push(row);
        steps
    }

    /// Gives everybody what is new for them, while the old is still let in.
    async fn hand_out(&mut self, said: &Value, old: &mut Old) {
        let redeploy = said["rotation"]["redeploy"].as_array().unwrap();
        let redeploy: Vec<String> =
            redeploy.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        self.search.learn(&self.cluster.project);
        old.assert_let_in(self.project()).await;
        let replaced = self.load.redeploy(self.project(), &redeploy).await;
        assert!(!replaced.is_empty(), "nobody of the load took part");
        old.retain(&replaced);
    }

    fn arguments<'k>(kind: &'k Kind, overlap: &'k str) -> Vec<&'k str> {
        let more = ["--yes", "--json", "--overlap", overlap];
        [&["keys", "rotate", "local"], kind.what, &more].concat()
    }

    /// Runs the program to its end.
    async fn run(&self, kind: &Kind, overlap: &str) -> Run {
        let begin = Instant::now();
        let ended = self.spawn(&Self::arguments(kind, overlap), None).await;
        let total = begin.elapsed();
        let output = Output::of(&ended).expect(0);
        Run { said: output.json(), steps: timed(&output.stderr, total) }
    }

    /// Kills the program in the middle of a step.
    async fn kill(&self, kind: &Kind, overlap: &str, kill: &Kill) -> Killed {
        let mut arguments = Self::arguments(kind, overlap);
        let ended = self.spawn(&arguments, Some(kill.after)).await;
        arguments.push("--dry-run");
        let left = self.project().run(&arguments).expect(0).json();
        let stands = left["left"][0].as_str().unwrap().to_owned();
        Killed { stands, alive: ended.status.signal() == Some(SIGKILL) }
    }

    /// Starts the program, looks for seeds in its arguments while it runs, and kills it if it is time.
    async fn spawn(&self, arguments: &[&str], after: Option<Duration>) -> Ended {
        let mut command = self.project().command(arguments);
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
        figures.cached = rate(all.cached);
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

/// What a kill has left.
struct Killed {
    /// The step at which the rotation stands.
    stands: String,
    /// Whether the program still ran when it was killed.
    alive: bool,
}

/// When the program is killed.
#[derive(Clone)]
struct Kill {
    /// In which of its runs.
    run: usize,
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
        // In the middle of the hardest step.
        let kill = moments.iter().find(|kill| kill.step == kind.hardest).unwrap();
        stage.rotate_killed(kind, kill).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make rotations` runs it: it takes long"]
async fn ten_times_over_and_killed_at_every_step() {
    let times = std::env::var("ROTATIONS").map_or(TIMES, |times| times.parse().unwrap());
    let mut stage = Stage::set().await;
    for kind in &KINDS {
        let moments = stage.rotate(kind, None).await;
        for _ in 1..times {
            stage.rotate(kind, None).await;
        }
        for kill in &moments {
            stage.rotate_killed(kind, kill).await;
        }
    }
    stage.end().await.write();
}
