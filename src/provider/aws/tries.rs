//! How often a call is tried: whoever is told to be slower has patience, whoever gets no answer gives up sooner.

use std::time::Duration;

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::config::interceptors::FinalizerInterceptorContextMut;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};

/// How often AWS may say that calls come too fast. With waits of up to `LONGEST` between them, half a minute goes by on
/// average: buckets refill within seconds, but others draw from them too.
const THROTTLED: u32 = 10;
const LONGEST: Duration = Duration::from_secs(10);

/// How often a call is tried that fails otherwise. Only calls that may be repeated without harm are made with this.
const FAILED: u32 = 5;

/// What AWS's services call calls that come too fast.
const SLOWER: [&str; 6] = [
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "Throttling",
    "ThrottledException",
    "SlowDown",
    "PriorRequestNotComplete",
];

/// Of a call that nobody has told to be slower.
pub fn config() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(FAILED).with_max_backoff(LONGEST)
}

/// Gives a call more tries when it hears that it should be slower.
#[derive(Debug)]
pub struct MoreWhenThrottled;

impl Intercept for MoreWhenThrottled {
    fn name(&self) -> &'static str {
        "more tries when throttled"
    }

    // The SDK decides on the next try after this.
    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), aws_sdk_ec2::error::BoxError> {
        // A call that must not be repeated has another limit.
        let usual = config.load::<RetryConfig>().is_some_and(|set| set.max_attempts() == FAILED);
        if usual && context.response().is_some_and(is_throttled) {
            config.interceptor_state().store_put(self::config().with_max_attempts(THROTTLED));
        }
        Ok(())
    }
}

/// Whether an answer says so, in whatever form its service speaks.
fn is_throttled(answer: &HttpResponse) -> bool {
    let body = answer.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    answer.status().as_u16() >= 400 && SLOWER.iter().any(|code| body.contains(code))
}
