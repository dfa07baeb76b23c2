//! Money, in decimals on integers: nothing here is ever a fraction that a computer can't hold.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul, Sub};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// Dollars to the cent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    cents: i64,
}

/// A price of one unit, in millionths of a dollar: the prices of AWS have at most six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    millionths: i64,
}

/// Millionths of a dollar in a cent.
const MILLIONTHS: i64 = 10_000;

impl Money {
    /// So many cents.
    pub const fn cents(cents: i64) -> Self {
        Self { cents }
    }

    /// What comes or goes, with its sign: `+$70.08`, `-$70.08`, `$0.00`.
    pub fn signed(self) -> String {
        if self.cents > 0 { format!("+{self}") } else { self.to_string() }
    }

    /// The amount as scripts read it: `1478.61`.
    fn plain(self) -> String {
        let sign = if self.cents < 0 { "-" } else { "" };
        let cents = self.cents.unsigned_abs();
        format!("{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Price {
    /// A price as price lists write it, such as `0.0225`. What is no price does not compile.
    pub const fn usd(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut at, mut millionths, mut decimals) = (0, 0_i64, 0);
        let mut behind_the_point = false;
        while at < bytes.len() {
            if bytes[at] == b'.' {
                assert!(!behind_the_point, "a price has one point");
                behind_the_point = true;
            } else {
                assert!(bytes[at].is_ascii_digit(), "a price consists of digits");
                millionths = millionths * 10 + (bytes[at] - b'0') as i64;
                decimals += behind_the_point as usize;
            }
            at += 1;
        }
        assert!(decimals <= 6, "a price has at most six decimals");
        while decimals < 6 {
            millionths *= 10;
            decimals += 1;
        }
        Self { millionths }
    }

    /// What so many units cost, rounded half up to the cent. What is beyond all measure is the largest sum there is.
    pub fn of(self, units: u64) -> Money {
        let exact = i128::from(self.millionths) * i128::from(units);
        let cents = (exact + i128::from(MILLIONTHS / 2)) / i128::from(MILLIONTHS);
        Money { cents: i64::try_from(cents).unwrap_or(i64::MAX) }
    }
}

impl Mul<u64> for Price {
    type Output = Self;

    /// The price of so many units as one unit, such as a month of hours.
    fn mul(self, units: u64) -> Self {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        Self { millionths: self.millionths.saturating_mul(units) }
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cents: self.cents.saturating_add(other.cents) }
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { cents: self.cents.saturating_sub(other.cents) }
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Money {
    /// As people write it: `$1,478.61`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.plain();
        let (whole, cents) = plain.split_once('.').unwrap_or((&plain, "00"));
        let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
        write!(f, "{sign}$")?;
        for (at, digit) in whole.char_indices() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        write!(f, ".{cents}")
    }
}

impl Serialize for Money {
    /// A text, since a script that reads a number may round it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.plain())
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$",
            "description": "US dollars to the cent, such as 1478.61.",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_a_cent_is_rounded_up() {
        // 730 hours of a load balancer: 16.425 exactly.
        assert_eq!(Price::usd("0.0225").of(730), Money::cents(1643));
        assert_eq!(Price::usd("0.004999").of(1), Money::cents(0));
        assert_eq!(Price::usd("0.005").of(1), Money::cents(1));
    }

    #[test]
    fn money_reads_as_people_write_it() {
        assert_eq!(Money::cents(147_861).to_string(), "$1,478.61");
        assert_eq!(Money::cents(123_456_789).to_string(), "$1,234,567.89");
        assert_eq!(Money::cents(-5).to_string(), "-$0.05");
        assert_eq!(Money::cents(7008).signed(), "+$70.08");
        assert_eq!(Money::cents(-100_000).signed(), "-$1,000.00");
        assert_eq!(Money::default().signed(), "$0.00");
    }

    #[test]
    fn scripts_get_a_text_with_two_decimals() {
        let json = |cents| serde_json::to_string(&Money::cents(cents)).unwrap();
        assert_eq!(json(147_861), "\"1478.61\"");
        assert_eq!(json(-1), "\"-0.01\"");
    }

    proptest! {
        /// Told without money's own arithmetic: doubled, so that half a cent is a whole number.
        #[test]
        fn rounding_is_to_the_nearest_cent_and_half_up(
            millionths in 0_i64..100_000_000, units in 0_u64..1_000_000,
        ) {
            let exact = i128::from(millionths) * i128::from(units);
            let cents = i128::from(Price { millionths }.of(units).cents);
            let twice_off = 2 * (cents * i128::from(MILLIONTHS) - exact);
            prop_assert!(-i128::from(MILLIONTHS) < twice_off);
            prop_assert!(twice_off <= i128::from(MILLIONTHS));
        }

        #[test]
        fn a_price_is_read_as_it_is_written(whole in 0_i64..1_000_000, decimals in 0_i64..1_000_000) {
            let text = format!("{whole}.{decimals:06}");
            prop_assert_eq!(Price::usd(&text).millionths, whole * 1_000_000 + decimals);
        }

        #[test]
        fn what_is_written_is_the_amount(cents in -1_000_000_000_i64..1_000_000_000) {
            let text: String =
                Money::cents(cents).to_string().chars().filter(|c| !"$,.".contains(*c)).collect();
            prop_assert_eq!(text.parse::<i64>().unwrap(), cents);
        }
    }
}
