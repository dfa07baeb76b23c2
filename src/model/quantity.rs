//! Quantities with their units: sizes, rates and periods.
//!
//! `GB` is 10^9 and `GiB` is 2^30, everywhere and without exception. nats-server's own sizes are
//! less strict (`1M` is 10^6 but `1MB` is 2^20), so files for it carry plain integers.

use std::fmt;
use std::str::FromStr;

use super::{Malformed, text_form};

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size that is right.
    pub const EXAMPLE: &str = "500 GB";

    /// A size of so many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The size rounded down to a figure of two digits or more: it can be read, and not read back.
    pub fn rounded(self) -> String {
        let decimal = UNITS.iter().rev().filter(|(unit, _)| !unit.contains('i'));
        let (unit, scale) =
            decimal.into_iter().find(|(_, scale)| self.0 >= 10 * scale).unwrap_or(&UNITS[0]);
        format!("{} {unit}", self.0 / scale)
    }
}

impl FromStr for ByteSize {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        parse_bytes(text, "a size", Self::EXAMPLE).map(Self)
    }
}

impl fmt::Display for ByteSize {
    /// The largest unit that shows the size exactly, so that what is printed can be read back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = UNITS
            .iter()
            .rev()
            .find(|(_, scale)| self.0 >= *scale && self.0.is_multiple_of(*scale))
            .unwrap_or(&UNITS[0]);
        write!(f, "{} {unit}", self.0 / scale)
    }
}

/// Bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteRate(u64);

impl ByteRate {
    /// A rate that is right.
    pub const EXAMPLE: &str = "125 MiB/s";

    /// The rate in bytes per second.
    pub const fn bytes_per_second(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteRate {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let Some(size) = text.trim_end().strip_suffix("/s") else {
            return Err(Malformed::new(format!("`{text}` is not a rate"))
                .with_help(format!("write a size per second: `{}`", Self::EXAMPLE)));
        };
        parse_bytes(size, "a rate", Self::EXAMPLE).map(Self)
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.0))
    }
}

fn parse_bytes(text: &str, kind: &str, example: &str) -> Result<u64, Malformed> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..digits], trimmed[digits..].trim_start());
    let units = || UNITS.map(|(unit, _)| unit).join(", ");
    let wrong = |problem: String| {
        Malformed::new(problem)
            .with_help(format!("write a whole number and a unit ({}): `{example}`", units()))
    };
    if number.is_empty() {
        return Err(wrong(format!("`{text}` is not {kind}")));
    }
    if unit.is_empty() {
        return Err(wrong(format!("`{text}` has no unit")));
    }
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let near = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(name, _)| format!(": did you mean `{name}`?"))
            .unwrap_or_default();
        return Err(wrong(format!("`{unit}` is not a unit of {kind}{near}")));
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*scale))
        // Larger figures do not survive a signed 64-bit field, which is what nats-server has.
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| Malformed::new(format!("`{text}` is too large")))
}

/// A length of time, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u64);

impl Period {
    /// A period that is right.
    pub const EXAMPLE: &str = "2m";

    /// A period of so many milliseconds.
    pub const fn milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// A period of so many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// A period of so many days.
    pub const fn days(days: u64) -> Self {
        Self::seconds(days * 86_400)
    }

    /// The period as the standard library has it.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// The period in nanoseconds, the unit of JetStream and of JWT claims.
    pub const fn nanoseconds(self) -> u64 {
        self.0 * 1_000_000
    }
}

const PERIODS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl FromStr for Period {
    type Err = Malformed;

    /// Reads one or more figures with units, the largest first: `2m`, `1h 30m`, `7d`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || {
            Malformed::new(format!("`{text}` is not a period")).with_help(format!(
                "write whole numbers with units ms, s, m, h or d: `{}`, `1h 30m`",
                Self::EXAMPLE
            ))
        };
        let mut rest = text.trim();
        let (mut total, mut smallest) = (0_u64, u64::MAX);
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let after = rest[digits..].trim_start();
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let (_, scale) =
                PERIODS.iter().find(|(unit, _)| *unit == &after[..letters]).ok_or_else(wrong)?;
            if *scale >= smallest {
                return Err(wrong());
            }
            smallest = *scale;
            total = number
                .checked_mul(*scale)
                .and_then(|part| part.checked_add(total))
                // 200 years: beyond it, nanoseconds no longer fit into the servers' signed 64 bits.
                .filter(|total| *total <= 73_000 * 86_400_000)
                .ok_or_else(|| Malformed::new(format!("`{text}` is too long a period")))?;
            rest = after[letters..].trim_start();
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Period {
    /// The shortest form that can be read back: `90m` is shown as `1h30m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, scale) in PERIODS.iter().rev() {
            if rest >= *scale {
                write!(f, "{}{unit}", rest / scale)?;
                rest %= scale;
            }
        }
        Ok(())
    }
}

text_form!(ByteSize, ByteRate, Period);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_mean_what_their_unit_says() {
        assert_eq!("500 GB".parse(), Ok(ByteSize(500_000_000_000)));
        assert_eq!("1GiB".parse(), Ok(ByteSize(1 << 30)));
        assert_eq!("125 MiB/s".parse::<ByteRate>().unwrap().bytes_per_second(), 125 << 20);
    }

    #[test]
    fn rounded_sizes_are_short() {
        for (bytes, shown) in
            [(708_333_333_333, "708 GB"), (8_000_000_000, "8000 MB"), (11, "11 B"), (3, "3 B")]
        {
            assert_eq!(ByteSize(bytes).rounded(), shown);
        }
    }

    #[test]
    fn refuses_a_figure_without_its_unit() {
        let error = "500".parse::<ByteSize>().unwrap_err();
        assert_eq!(error.problem, "`500` has no unit");
        assert!(error.help.unwrap().contains("500 GB"));
    }

    #[test]
    fn names_the_unit_that_was_meant() {
        let error = "5 gb".parse::<ByteSize>().unwrap_err();
        assert!(error.problem.contains("did you mean `GB`?"));
    }

    #[test]
    fn refuses_what_does_not_fit_into_the_servers_integers() {
        assert!("99999999 TiB".parse::<ByteSize>().is_err());
        assert!("99999999999d".parse::<Period>().is_err());
    }

    #[test]
    fn periods_add_up_from_the_largest_unit_down() {
        assert_eq!("1h 30m".parse(), Ok(Period::seconds(5400)));
        assert_eq!("2m".parse(), Ok(Period::seconds(120)));
        for bad in ["", "2", "m", "30m 1h", "2x", "-1s", "1.5h", "2m2m"] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for text in ["500 GB", "1 MiB", "7 B", "64 KiB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        for text in ["1h30m", "2m", "7d", "250ms", "0s"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
    }
}
