//! Asking before something changes.

use std::io::{BufRead as _, IsTerminal as _};

use anstream::eprint;

use super::exit;
use super::failure::Failure;

/// Asks for `answer` to be typed. Where nobody can be asked, it is refused: silence is no consent.
pub fn confirm(question: &str, answer: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let refused = |what: String| Failure::new(exit::REFUSED, what).safe("nothing was changed");
    if !std::io::stdin().is_terminal() {
        return Err(refused("nobody can be asked, since stdin is no terminal".to_owned())
            .next("look at the plan, then add --yes"));
    }
    eprint!("{question} Type `{answer}` to go on: ");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.trim() == answer {
        return Ok(());
    }
    Err(refused("not confirmed".to_owned()))
}
