//! The KMS key of an environment on AWS, as `keys list` shows it.

use jiff::{SignedDuration, Timestamp};

use crate::cli::cloud::Cloud;
use crate::cli::failure::Failure;
use crate::cli::shown::KmsKey;
use crate::provider::aws::key_rotation::{KeyAge, age};

/// How often a key gets new material; AWS does it every year where it is told to.
const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);

/// Asks AWS for it; there is none before the first apply.
pub async fn look(cloud: &Cloud) -> Result<Option<KmsKey>, Failure> {
    Ok(age(&cloud.provider().await?).await?.map(shown))
}

fn shown(age: KeyAge) -> KmsKey {
    let time = |seconds: Option<i64>| seconds.and_then(|at| Timestamp::from_second(at).ok());
    let (last, next) = (time(age.last), time(age.next).filter(|_| age.rotates));
    let fresh = last.or(time(age.created)).filter(|_| !age.rotates);
    let due = fresh.and_then(|fresh| fresh.checked_add(YEAR).ok());
    KmsKey { alias: age.alias, key: age.id, rotates: age.rotates, last, next, due }
}

/// It in words.
pub fn text(key: &KmsKey) -> String {
    let date = |time: Option<Timestamp>, none: &str| {
        time.map_or(none.to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
    };
    let KmsKey { alias, key: id, .. } = key;
    let last = date(key.last, "never");
    match key.rotates {
        true => {
            let next = date(key.next, "within a year");
            format!("KMS key {alias} ({id}): AWS rotates it, last {last}, next {next}")
        }
        false => {
            let due = date(key.due, "now");
            format!("KMS key {alias} ({id}): nobody rotates it, last {last}, due {due}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rotates: bool, last: Option<i64>) -> KmsKey {
        let (alias, id) = ("alias/natsops-prod".to_owned(), "1234".to_owned());
        let next = Some(200 * 86_400);
        shown(KeyAge { alias, id, created: Some(0), rotates, next, last })
    }

    #[test]
    fn what_aws_rotates_is_never_due_and_the_rest_a_year_after_its_last_rotation() {
        assert_eq!(key(true, None).due, None);
        let day = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
        assert_eq!((key(false, None).due, key(false, None).next), (Some(day(365)), None));
        assert_eq!(key(false, Some(10 * 86_400)).due, Some(day(375)));
        assert!(text(&key(true, None)).ends_with("AWS rotates it, last never, next 1970-07-20"));
        assert!(text(&key(false, None)).ends_with("nobody rotates it, last never, due 1971-01-01"));
    }
}
