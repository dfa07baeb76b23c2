//! Waiting for AWS: often at first, then less often, with a deadline and AWS's own reason.

use std::time::{Duration, Instant};

use super::error::{CloudClass, CloudError};

/// The first wait; each is half as long again as the one before.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);

/// What a look has found.
pub enum Look {
    /// It is as it should be.
    Ready,
    /// Not yet; the words are AWS's.
    NotYet(String),
    /// It never will be; the words are AWS's.
    Ended(String),
}

/// Makes waits shorter, for tests against an emulator whose things take less time. 1 is real time.
pub const SCALE: &str = "NATSOPS_WAIT_SCALE";

fn scale() -> f64 {
    let given = std::env::var(SCALE).ok().and_then(|text| text.parse::<f64>().ok());
    given.filter(|scale| *scale > 0.0 && *scale <= 1.0).unwrap_or(1.0)
}

/// A wait that tests can shorten.
pub async fn pause(time: Duration) {
    tokio::time::sleep(time.mul_f64(scale())).await;
}

/// Looks until it is ready. `told` hears what is waited for.
pub async fn until<F>(
    what: &str,
    typical: Duration,
    told: &(dyn Fn(&str) + Sync),
    mut look: F,
) -> Result<(), CloudError>
where
    F: AsyncFnMut() -> Result<Look, CloudError>,
{
    let begin = Instant::now();
    // Four times what it usually takes, scaled as the waits are; an emulator's own pace is not ours.
    let deadline = typical.mul_f64((4.0 * scale()).max(0.05)).max(Duration::from_secs(10));
    let mut wait = FIRST;
    loop {
        match look().await? {
            Look::Ready => return Ok(()),
            Look::Ended(reason) => {
                let message = format!("{what} ended: {reason}");
                return Err(CloudError::found("wait", CloudClass::Ended, message));
            }
            Look::NotYet(state) => {
                told(&format!("{what}: {state}"));
                if begin.elapsed() > deadline {
                    let message =
                        format!("{what} is still {state} after {} s", begin.elapsed().as_secs());
                    return Err(CloudError::found("wait", CloudClass::Late, message));
                }
            }
        }
        pause(wait).await;
        wait = wait.mul_f64(1.5).min(LONGEST);
    }
}
