//! Shows what workflows tell: a live line on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anstream::eprintln;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::forecast_text::span;
use super::paint;
use crate::forecast::typical;
use crate::ops::checks::Outcome;
use crate::ops::{Event, Reporter};
use crate::plan::{Action, ActionKind, Effect, RecordId};

/// Off a terminal, waits are mentioned this often at most, and the same one again after so long.
const MENTION: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(30);

/// A step that usually takes so many seconds has a line of its own.
const LONG: u64 = 5;

/// Shows events on stderr.
pub struct Progress {
    /// The live lines: the last one for what goes on, and one above it for each step that takes long.
    all: MultiProgress,
    bar: ProgressBar,
    live: bool,
    state: Mutex<State>,
}

struct State {
    begin: Instant,
    mentioned: Instant,
    /// What was mentioned last.
    last: String,
    /// In the order of their beginnings; some run beside each other.
    phases: Vec<(String, Option<Duration>)>,
    /// The steps that take long and go on now.
    rows: BTreeMap<RecordId, ProgressBar>,
}

impl Progress {
    /// A live line where stderr is a terminal.
    pub fn new() -> Self {
        let live = std::io::stderr().is_terminal();
        let all = MultiProgress::new();
        let bar = if live { all.add(ProgressBar::new_spinner()) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        let now = Instant::now();
        let (phases, rows) = (Vec::new(), BTreeMap::new());
        Self {
            all,
            bar,
            live,
            state: Mutex::new(State {
                begin: now,
                mentioned: now,
                last: String::new(),
                phases,
                rows,
            }),
        }
    }

    /// The time of each phase, in their order.
    pub fn phases(&self) -> Vec<(String, Duration)> {
        let state = self.lock();
        let done =
            state.phases.iter().filter_map(|(name, elapsed)| Some((name.clone(), (*elapsed)?)));
        done.collect()
    }

    /// Ends the live line, and tells how long it all took.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        let phases = self.phases();
        let phases: Vec<String> =
            phases.iter().map(|(name, elapsed)| format!("{name} {}", seconds(*elapsed))).collect();
        let total = seconds(self.lock().begin.elapsed());
        let parts =
            if phases.is_empty() { String::new() } else { format!("{}; ", phases.join(", ")) };
        eprintln!("{}", paint::faint(format!("{parts}{total} in all")));
    }

    fn line(&self, text: &str) {
        if self.live {
            self.all.suspend(|| eprintln!("{text}"));
        } else {
            eprintln!("{text}");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere leaves the state usable: it only counts time.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Shows a step that takes long as a line of its own, with the time that it usually takes.
    fn begin(&self, action: &Action) {
        self.bar.set_message(describe(action));
        let usual = typical(action);
        if !self.live || usual < LONG {
            return;
        }
        let row = self.all.insert_before(&self.bar, ProgressBar::new_spinner());
        let style = format!("  {{spinner}} {{msg}} {{elapsed:.dim}} (usually {})", span(usual));
        if let Ok(style) = ProgressStyle::with_template(&style) {
            row.set_style(style);
        }
        row.set_message(describe(action));
        row.enable_steady_tick(Duration::from_millis(100));
        self.lock().rows.insert(action.id.clone(), row);
    }

    /// Takes a step's line away.
    fn end(&self, action: &Action) {
        if let Some(row) = self.lock().rows.remove(&action.id) {
            row.finish_and_clear();
        }
    }

    /// Shows what is waited for.
    pub fn wait(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        let mut state = self.lock();
        let pause = if state.last == text { AGAIN } else { MENTION };
        if !self.live && state.mentioned.elapsed() > pause {
            state.mentioned = Instant::now();
            text.clone_into(&mut state.last);
            drop(state);
            self.line(&format!("  … {text}"));
        }
    }
}

impl Reporter for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Phase(name) => {
                let mut state = self.lock();
                state.mentioned = Instant::now();
                state.phases.push(((*name).to_owned(), None));
                drop(state);
                self.bar.enable_steady_tick(Duration::from_millis(100));
                self.bar.set_message((*name).to_owned());
            }
            Event::PhaseDone(name, elapsed) => {
                let mut state = self.lock();
                let begun = state.phases.iter_mut().rfind(|(begun, _)| begun == name);
                if let Some((_, length)) = begun {
                    *length = Some(*elapsed);
                }
            }
            Event::Started(action) => self.begin(action),
            Event::Done(action, elapsed) => {
                self.end(action);
                let text = describe(action);
                let elapsed = paint::faint(seconds(*elapsed));
                self.line(&format!("  {} {text} {elapsed}", paint::good("done")));
            }
            Event::Failed(action, reason) => {
                self.end(action);
                self.line(&format!("  {} {}: {reason}", paint::error("failed"), action.id));
            }
            Event::Left(action) => {
                self.end(action);
                self.line(&format!("  {} {}", paint::change("left"), describe(action)));
            }
            Event::Waiting(text) => self.wait(text),
            Event::Check(outcome) => self.line(&check_line(outcome)),
        }
    }
}

/// One line for the outcome of a check.
pub fn check_line(outcome: &Outcome) -> String {
    let word = if outcome.passed { paint::good("pass") } else { paint::error("FAIL") };
    let look = match &outcome.look {
        Some(look) => format!("\n       look: {look}"),
        None => String::new(),
    };
    let steps: String = (1..)
        .zip(&outcome.steps)
        .map(|(number, step)| format!("\n       {number}. {step}"))
        .collect();
    format!("  {word} {:<19} {}{look}{steps}", outcome.check, outcome.finding)
}

fn describe(action: &Action) -> String {
    let verb = match (action.action, &action.effect) {
        (ActionKind::Keep, _) => "keep",
        (ActionKind::Create, _) => "create",
        (ActionKind::Update, Effect::Reload) => "reload",
        (ActionKind::Update, Effect::RollingRestart) => "restart",
        (ActionKind::Update, Effect::Start) => "start",
        (ActionKind::Update, _) => "update",
        (ActionKind::Replace, _) => "make anew",
        (ActionKind::Delete, Effect::Stop) => "stop",
        (ActionKind::Delete, _) => "remove",
    };
    format!("{verb} {}", action.id)
}

/// A duration with as many digits as matter.
pub fn seconds(elapsed: Duration) -> String {
    let milliseconds = elapsed.as_millis();
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{:.1} s", elapsed.as_secs_f64())
    }
}
