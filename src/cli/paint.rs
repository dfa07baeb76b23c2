//! Colours, as words. The streams strip them where they don't belong: off a terminal, and under `NO_COLOR`.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

fn styled(text: impl Display, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// Something wrong.
pub fn error(text: impl Display) -> String {
    styled(text, AnsiColor::Red.on_default().bold())
}

/// Something that changes, or that deserves a look.
pub fn change(text: impl Display) -> String {
    styled(text, AnsiColor::Yellow.on_default())
}

/// Something new, or well.
pub fn good(text: impl Display) -> String {
    styled(text, AnsiColor::Green.on_default())
}

/// Something that can be skipped.
pub fn faint(text: impl Display) -> String {
    styled(text, Style::new().dimmed())
}

/// Something to look at first.
pub fn bold(text: impl Display) -> String {
    styled(text, Style::new().bold())
}
