//! A tool in the foreground that this program outlives, so that what was made for the tool is removed after it.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};

use futures_util::FutureExt as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{self, SignalKind, signal};

/// Holds what would end this program before its tool has ended.
pub struct Foreground {
    runtime: Runtime,
    signals: Signals,
}

/// The signals that are the tool's affair.
struct Signals {
    /// Of the keyboard: a terminal gives them to the tool as well.
    interrupt: unix::Signal,
    quit: unix::Signal,
    /// Of somebody who means this program, and its tool with it.
    terminate: unix::Signal,
    hangup: unix::Signal,
}

impl Foreground {
    /// From now on none of them ends this program.
    pub fn begin() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let signals = Signals {
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        };
        drop(inside);
        Ok(Self { runtime, signals })
    }

    /// Runs a tool to its end. What has come before it began ends it before it begins.
    pub fn run(self, command: Command) -> io::Result<ExitStatus> {
        let Self { runtime, mut signals } = self;
        runtime.block_on(async {
            if let Some(early) = signals.early() {
                return Ok(ExitStatus::from_raw(early.as_raw()));
            }
            let mut tool = tokio::process::Command::from(command).spawn()?;
            loop {
                tokio::select! {
                    ended = tool.wait() => return ended,
                    _ = signals.interrupt.recv() => {}
                    _ = signals.quit.recv() => {}
                    _ = signals.terminate.recv() => tell(&tool, Signal::TERM),
                    _ = signals.hangup.recv() => tell(&tool, Signal::HUP),
                }
            }
        })
    }
}

impl Signals {
    /// What has come until now.
    fn early(&mut self) -> Option<Signal> {
        let signals = [
            (&mut self.interrupt, Signal::INT),
            (&mut self.quit, Signal::QUIT),
            (&mut self.terminate, Signal::TERM),
            (&mut self.hangup, Signal::HUP),
        ];
        let mut come = signals
            .into_iter()
            .filter_map(|(stream, signal)| stream.recv().now_or_never().map(|_| signal));
        come.next()
    }
}

/// It may have ended meanwhile, and then nobody needs to be told.
fn tell(tool: &Child, signal: Signal) {
    let pid = tool.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        kill_process(pid, signal).ok();
    }
}
