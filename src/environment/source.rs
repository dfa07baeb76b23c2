//! A file as the user wrote it, and places in it.

use std::ops::Range;

/// The text of one file.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as the user would type it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Source {
    /// The position of a byte offset; one past the end stands for the end.
    pub fn position(&self, offset: usize) -> Position {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        Position {
            line: 1 + before.iter().filter(|&&b| b == b'\n').count(),
            column: 1 + String::from_utf8_lossy(&before[start..]).chars().count(),
        }
    }

    /// The nearest range that can be cut out of the text, whatever a parser reported.
    pub fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let fit = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (fit(range.start), fit(range.end));
        start..end.max(start)
    }

    /// The text of a range.
    pub fn slice(&self, range: Range<usize>) -> &str {
        &self.text[self.clamp(range)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source { path: String::new(), text: "a: é\nb: c".to_owned() };
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(5), Position { line: 1, column: 5 });
        assert_eq!(source.position(9), Position { line: 2, column: 4 });
        assert_eq!(source.position(999), source.position(10));
    }
}
