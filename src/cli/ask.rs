//! Asking before something changes.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::mpsc;

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
    match typed()? {
        Some(line) if line.trim() == answer => Ok(()),
        Some(_) => Err(refused("not confirmed".to_owned())),
        None => Err(Failure::new(exit::INTERRUPTED, "stopped").safe("nothing was changed")),
    }
}

/// What is typed up to the end of the line; none where Ctrl-C comes first. A read can't be broken off, so it is left to the
/// end of the program.
fn typed() -> std::io::Result<Option<String>> {
    let (tell, told) = mpsc::channel();
    let interrupted = tell.clone();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        tell.send(read.map(|_| Some(line)))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(tokio::signal::ctrl_c()).is_ok_and(|()| interrupted.send(Ok(None)).is_ok())
    });
    told.recv().map_err(std::io::Error::other)?
}
