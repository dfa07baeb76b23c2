//! Measures natsops against floors taken in the same run: `make bench`, or `cargo bench -- NAME` for one of
//! `start`, `roll`, `edit`, `offline`, `platform`, `sign`. Figures, never verdicts: a test on a busy machine proves nothing.

#![expect(clippy::unwrap_used, reason = "a measurement that can not go on has failed")]

mod measure {
    pub mod cluster;
    pub mod offline;
    pub mod platform;
    pub mod project;
    pub mod sign;
}

use measure::{cluster, offline, platform, sign};

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, measure) in [
        ("offline", offline::measure as fn()),
        ("sign", sign::measure),
        ("start", cluster::start),
        ("edit", cluster::edit),
        ("roll", cluster::roll),
        ("platform", platform::apply),
    ] {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            measure();
        }
    }
}
