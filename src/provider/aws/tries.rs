//! How often a call is tried: whoever is told to be slower has patience, whoever gets no answer gives up sooner.

use std::time::Duration;

use aws_sdk_ec2::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{RetryClassifierPriority, RetryReason};
use aws_smithy_types::retry::ErrorKind;

/// How often AWS may say that calls come too fast. With waits of up to `LONGEST` between them, half a minute goes by on
/// average: buckets refill within seconds, but others draw from them too.
const THROTTLED: u32 = 10;
const LONGEST: Duration = Duration::from_secs(10);

/// How often a call is tried that fails otherwise. Only calls that may be repeated without harm are made with this.
const FAILED: u32 = 5;

/// The most that either has.
pub fn config() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(THROTTLED).with_max_backoff(LONGEST)
}

/// Ends the tries of a call that fails for another reason than being one of too many.
#[derive(Debug)]
pub struct FewerUnlessThrottled;

impl ClassifyRetry for FewerUnlessThrottled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        self.classify_retry_v2(context, &RetryAction::NoActionIndicated)
    }

    fn classify_retry_v2(&self, context: &InterceptorContext, so_far: &RetryAction) -> RetryAction {
        match so_far {
            RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. })
                if *kind != ErrorKind::ThrottlingError && tries(context) >= FAILED =>
            {
                RetryAction::RetryForbidden
            }
            other => other.clone(),
        }
    }

    fn name(&self) -> &'static str {
        "fewer tries unless throttled"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Which try a request is, counted from 1, as the SDK tells AWS in `amz-sdk-request: attempt=1; max=10`.
fn tries(context: &InterceptorContext) -> u32 {
    let header = context.request().and_then(|sent| sent.headers().get("amz-sdk-request"));
    let fields = header.unwrap_or_default().split("; ");
    let number = fields.filter_map(|field| field.strip_prefix("attempt=")?.parse().ok()).next();
    number.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::interceptors::context::Input;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

    use super::*;

    fn tried(times: u32) -> InterceptorContext {
        let mut context = InterceptorContext::new(Input::doesnt_matter());
        let mut request = HttpRequest::empty();
        request.headers_mut().insert("amz-sdk-request", format!("attempt={times}; max=10"));
        context.set_request(request);
        context
    }

    #[test]
    fn who_is_told_to_be_slower_goes_on_and_who_fails_gives_up() {
        let after = |times, so_far: &RetryAction| {
            FewerUnlessThrottled.classify_retry_v2(&tried(times), so_far)
        };
        let slower = RetryAction::throttling_error();
        assert_eq!(after(FAILED + 1, &slower), slower);
        for failure in [RetryAction::transient_error(), RetryAction::server_error()] {
            assert_eq!(after(FAILED - 1, &failure), failure);
            assert_eq!(after(FAILED, &failure), RetryAction::RetryForbidden);
        }
        assert_eq!(after(FAILED, &RetryAction::NoActionIndicated), RetryAction::NoActionIndicated);
    }
}
