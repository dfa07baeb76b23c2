//! Pacing: AWS refills a bucket of tokens for each kind of call, and refuses whoever is faster.
//!
//! Capacities and rates are those of the EC2 throttling page and the quotas of KMS, Route 53 and Parameter Store.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A kind of calls that share a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// RunInstances.
    Launch,
    /// Calls of EC2 that change something.
    Change,
    /// Route 53, whatever it is.
    Dns,
    /// Parameter Store.
    Parameters,
    /// KMS's CreateKey and CreateAlias.
    Keys,
}

impl Pace {
    const ALL: [Self; 5] = [Self::Launch, Self::Change, Self::Dns, Self::Parameters, Self::Keys];

    /// How many calls at once, and how many each second after that.
    fn limit(self) -> (f64, f64) {
        match self {
            Self::Launch => (5.0, 2.0),
            Self::Change => (50.0, 5.0),
            Self::Dns | Self::Keys => (5.0, 5.0),
            Self::Parameters => (40.0, 40.0),
        }
    }
}

/// The buckets of one process.
#[derive(Debug)]
pub struct Pacer(Mutex<[Bucket; 5]>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    seen: Instant,
}

impl Pacer {
    /// Full buckets.
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(Pace::ALL.map(|pace| Bucket { tokens: pace.limit().0, seen: now })))
    }

    /// Takes a token, and says how long its owner must wait for it.
    fn take(&self, pace: Pace, now: Instant) -> Duration {
        let (capacity, rate) = pace.limit();
        // A panic elsewhere leaves the figures usable.
        let mut buckets = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bucket = &mut buckets[pace as usize];
        let refilled = now.duration_since(bucket.seen).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + refilled).min(capacity) - 1.0;
        bucket.seen = now;
        Duration::from_secs_f64((-bucket.tokens / rate).max(0.0))
    }

    /// Waits for one's turn.
    pub async fn turn(&self, pace: Pace) {
        let wait = self.take(pace, Instant::now());
        if !wait.is_zero() {
            super::wait::pause(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_machines_start_at_once_and_the_sixth_waits() {
        let now = Instant::now();
        let pacer = Pacer::new(now);
        for _ in 0..5 {
            assert!(pacer.take(Pace::Launch, now).is_zero());
        }
        assert_eq!(pacer.take(Pace::Launch, now), Duration::from_millis(500));
        assert_eq!(pacer.take(Pace::Launch, now), Duration::from_secs(1));
        assert!(pacer.take(Pace::Dns, now).is_zero());
    }

    #[test]
    fn a_bucket_fills_again_and_never_beyond_its_size() {
        let now = Instant::now();
        let pacer = Pacer::new(now);
        let later = now + Duration::from_secs(3600);
        let waits: Vec<Duration> = (0..6).map(|_| pacer.take(Pace::Launch, later)).collect();
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 5);
    }
}
