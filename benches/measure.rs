//! Measures natsops against floors taken in the same run: `make bench`, or `cargo bench -- NAME` for one of
//! `start`, `roll`, `edit`, `offline`, `platform`, `sign`, `push`, `rotate`. Figures, never verdicts: a test on a busy machine proves nothing.

#![expect(clippy::unwrap_used, reason = "a measurement that can not go on has failed")]

mod measure {
    pub mod cluster;
    pub mod crowd;
    pub mod offline;
    pub mod platform;
    pub mod process;
    pub mod project;
    pub mod push;
    pub mod rotate;
    pub mod sign;
}

use measure::{cluster, offline, platform, push, rotate, sign};

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, measure) in [
        ("offline", offline::measure as fn()),
        ("sign", sign::measure),
        ("start", cluster::start),
        ("edit", cluster::edit),
        ("roll", cluster::roll),
        ("push", push::measure),
        ("rotate", rotate::measure),
        ("platform", platform::apply),
    ] {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            measure();
        }
    }
}
