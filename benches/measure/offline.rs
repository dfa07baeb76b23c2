//! What needs no cluster: validate and render of the production environment, time and memory of the whole process.

use std::time::Instant;

use super::project::{Project, median};

const RUNS: usize = 21;

pub fn measure() {
    let project = Project::new();
    for arguments in
        [&["validate", "prod"][..], &["render", "prod", "--out", "out", "--stand-in-keys"]]
    {
        let times = (0..RUNS)
            .map(|_| {
                let begin = Instant::now();
                let output = project.command(arguments).output().unwrap();
                assert!(output.status.success());
                begin.elapsed()
            })
            .collect();
        let memory = peak_of_children();
        println!(
            "{}: {:.1?} (median of {RUNS}), {memory} MiB at most",
            arguments[0],
            median(times)
        );
    }
}

/// The largest resident memory of any child so far, in MiB.
fn peak_of_children() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    #[expect(unsafe_code, reason = "no safe library tells the memory of children")]
    // SAFETY: `usage` is valid for writes, and zeroed memory is a valid `rusage`.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    usage.ru_maxrss / 1024
}
