//! How the contract's size tells: validating a catalog and asking it, at 100, 1,000 and 10,000 subjects.
//!
//! `cargo bench --bench contract` prints the best of several runs, and how much more ten times the subjects cost.
//! n log n is 15 times from 100 to 1,000 and 13.3 times from 1,000 to 10,000. It fails when a bound is missed.

#![expect(clippy::unwrap_used, reason = "a measurement that can not go on has failed")]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use natsops::contract::{Ask, can, who};
use natsops::environment::{Addresses, load};

#[path = "../tests/support/generated.rs"]
mod generated;

const SIZES: [usize; 3] = [100, 1_000, 10_000];
const RUNS: usize = 7;

/// How much more n log n costs from each size to the next.
const N_LOG_N: [f64; 2] = [15.0, 13.34];

/// How far a measurement on a busy machine may be off: n squared is 100 times, so that twice n log n tells them apart.
const NOISE: f64 = 2.0;

/// What must hold at 10,000 subjects, for the whole program.
const VALIDATE: (&str, Duration) = ("natsops validate", Duration::from_secs(1));
const CAN: (&str, Duration) = ("natsops subjects can", Duration::from_millis(50));
const CAN_LEAFNODE: (&str, Duration) = ("the same of a leafnode", Duration::from_millis(50));

fn main() -> ExitCode {
    // `cargo test --all-targets` builds and starts this too, and wants no figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let measured: Vec<Vec<(&str, Duration)>> = SIZES.iter().map(|&size| measure(size)).collect();
    println!("{:<28} {:>10} {:>10} {:>10}   growth", "", "100", "1,000", "10,000");
    let mut grows_too_much = false;
    for (row, (name, _)) in measured[0].iter().enumerate() {
        let times: Vec<Duration> = measured.iter().map(|column| column[row].1).collect();
        let growth = [0, 1].map(|at| times[at + 1].as_secs_f64() / times[at].as_secs_f64());
        let steep = growth.iter().zip(N_LOG_N).any(|(grown, bound)| *grown > bound * NOISE);
        grows_too_much |= steep;
        println!(
            "{name:<28} {:>10} {:>10} {:>10}   {:.1} {:.1}{}",
            shown(times[0]),
            shown(times[1]),
            shown(times[2]),
            growth[0],
            growth[1],
            if steep { ", worse than n log n" } else { "" }
        );
    }
    let at_most = |(name, bound): (&str, Duration)| {
        let (_, time) = measured[2].iter().find(|(row, _)| *row == name).unwrap();
        let kept = *time <= bound;
        println!(
            "{name}: {} of {}{}",
            shown(*time),
            shown(bound),
            if kept { "" } else { ", missed" }
        );
        kept
    };
    let kept = [VALIDATE, CAN, CAN_LEAFNODE].map(at_most);
    if kept == [true; 3] && !grows_too_much { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(subjects: usize) -> Vec<(&'static str, Duration)> {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path();
    generated::write(project, subjects);
    let addresses = Addresses { local_network: [127, 64, 0] };
    let read = || load(project, "large", &addresses).unwrap();
    let cluster = read().cluster.unwrap();
    let service = cluster.services.values().next_back().unwrap();
    let (asked, queue) = &service.serves[0];
    let (name, asked, queue) = (service.name.as_str(), asked.as_str(), queue.as_str());
    let ask = Ask::Subscribe { subject: asked, queue: Some(queue) };
    let question = ["subjects", "can", "large", name, "subscribe", asked, "--queue", queue];
    let leafnode = cluster.leafnodes.values().next().unwrap();
    let edge =
        ["subjects", "can", "large", leafnode.name.as_str(), "publish", leafnode.calls[0].as_str()];
    vec![
        ("load and check", best(|| drop(read()))),
        ("who", best(|| drop(who(&cluster, asked)))),
        ("can", best(|| drop(can(service, ask)))),
        (VALIDATE.0, best(|| program(project, &["validate", "large"]))),
        (CAN.0, best(|| program(project, &question))),
        (CAN_LEAFNODE.0, best(|| program(project, &edge))),
    ]
}

fn program(project: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_natsops"))
        .args(arguments)
        .current_dir(project)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The shortest of several runs: what the work costs when nothing else happens.
fn best(work: impl Fn()) -> Duration {
    let run = |_| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    (0..RUNS).map(run).min().unwrap_or_default()
}

fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1e3 { format!("{micros:.1} us") } else { format!("{:.1} ms", micros / 1e3) }
}
