//! What AWS refuses, in classes that decide what to do next.

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}: {message}{}", if code.is_empty() { String::new() } else { format!(" ({code})") })]
pub struct CloudError {
    /// The call, as AWS names it.
    pub call: &'static str,
    /// AWS's code; empty when there was no answer.
    pub code: String,
    /// AWS's words.
    pub message: String,
    /// What kind of refusal it is.
    pub class: CloudClass,
}

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudClass {
    /// There are no credentials, or they have expired, or they are another account's.
    Credentials,
    /// The credentials may not do it.
    Permission,
    /// A quota is used up.
    Quota,
    /// AWS has no machine of this type there now.
    Capacity,
    /// The world is not as it must be: somebody else's thing is in the way, the network lacks something.
    World,
    /// Somebody else is changing the environment.
    Held,
    /// It ended badly, in AWS's own words.
    Ended,
    /// It took longer than it ever should.
    Late,
    /// Nobody knows whether it was done: no answer came.
    Unanswered,
    /// Anything else.
    Other,
}

/// Codes that say that credentials are missing, wrong or old.
const CREDENTIALS: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
];

/// Codes that say that something is not allowed.
const PERMISSION: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AllAccessDisabled",
    "NotAuthorized",
];

/// What the codes of used-up quotas contain. The SDK takes `LimitExceededException` for throttling and repeats it.
const QUOTA: [&str; 5] =
    ["LimitExceeded", "QuotaExceeded", "VcpuLimitExceeded", "TooMany", "QuotaForCustomerExceeded"];

/// Codes that say that there is no machine.
const CAPACITY: [&str; 3] = [
    "InsufficientInstanceCapacity",
    "InsufficientCacheClusterCapacity",
    "InsufficientReservedInstanceCapacity",
];

impl CloudError {
    /// Something that was found out without a call, or by looking at an answer.
    pub fn found(call: &'static str, class: CloudClass, message: impl Into<String>) -> Self {
        Self { call, code: String::new(), message: message.into(), class }
    }

    /// Whether AWS gave this code.
    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Whether AWS says that the thing is not there. EC2 writes `InvalidVolume.NotFound`, others `NoSuchEntity`, and
    /// what Query services model as `FooNotFoundFault` arrives with or without its last word.
    pub fn is_missing(&self) -> bool {
        ["NotFound", "NoSuch"].iter().any(|part| self.code.contains(part))
    }
}

fn class(code: &str) -> CloudClass {
    if CREDENTIALS.contains(&code) {
        CloudClass::Credentials
    } else if PERMISSION.contains(&code) {
        CloudClass::Permission
    } else if CAPACITY.contains(&code) {
        CloudClass::Capacity
    } else if QUOTA.iter().any(|part| code.contains(part)) {
        CloudClass::Quota
    } else {
        CloudClass::Other
    }
}

/// An answer of AWS, with the name of its call.
pub trait Answer<T> {
    /// The answer, or why there is none.
    fn of(self, call: &'static str) -> Result<T, CloudError>;
}

impl<T, E> Answer<T> for Result<T, SdkError<E>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn of(self, call: &'static str) -> Result<T, CloudError> {
        self.map_err(|error| {
            if let Some(refusal) = error.as_service_error() {
                let code = refusal.code().unwrap_or_default().to_owned();
                let whole = || causes(refusal).join(": ");
                let message = refusal.message().map_or_else(whole, str::to_owned);
                let class = class(&code);
                return CloudError { call, code, message, class };
            }
            let causes = causes(&error);
            let whole = causes.join(": ");
            let last = causes.last().map_or("", String::as_str);
            let (class, message) = if whole.contains("credential") || whole.contains("identity") {
                let message = format!("no credentials were found that work; {last}");
                (CloudClass::Credentials, message)
            } else {
                (CloudClass::Unanswered, format!("AWS gave no answer; {whole}"))
            };
            CloudError { call, code: String::new(), message, class }
        })
    }
}

/// The words of an error and of all its causes; the last names what is missing.
fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut words: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_to_do_next() {
        for (code, expected) in [
            ("ExpiredToken", CloudClass::Credentials),
            ("UnauthorizedOperation", CloudClass::Permission),
            ("VcpuLimitExceeded", CloudClass::Quota),
            ("InsufficientInstanceCapacity", CloudClass::Capacity),
            ("InvalidParameterValue", CloudClass::Other),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }

    #[test]
    fn what_is_not_there_is_recognised_in_every_service() {
        for code in ["InvalidVolume.NotFound", "NoSuchEntity", "UserNotFound", "NotFoundException"]
        {
            assert!(
                CloudError { code: code.into(), ..CloudError::found("", CloudClass::Other, "") }
                    .is_missing()
            );
        }
    }
}
