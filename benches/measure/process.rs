//! One run of a program: how long it took, and the most memory that it had.

use std::process::Command;
use std::time::{Duration, Instant};

/// What a run has cost.
pub struct Cost {
    pub time: Duration,
    /// The largest resident set, in MiB.
    pub memory: i64,
}

/// Runs it to its end, which must be a good one.
pub fn run(command: &mut Command) -> Cost {
    let begin = Instant::now();
    #[expect(clippy::zombie_processes, reason = "`wait4` is what waits for it")]
    let child = command.spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    let mut status = 0;
    #[expect(unsafe_code, reason = "no safe library tells the memory of one child")]
    // SAFETY: both are valid for writes, and zeroed memory is a valid `rusage`. Nobody else waits for this child.
    let (ended, usage) = unsafe {
        let ended = libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr());
        (ended, usage.assume_init())
    };
    assert_eq!((ended, status), (pid, 0), "{command:?}");
    Cost { time: begin.elapsed(), memory: usage.ru_maxrss / 1024 }
}
