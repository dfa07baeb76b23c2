//! The clients of AWS, one for each service, with our own time-outs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};

use super::error::{Answer as _, CloudClass, CloudError};
use super::tries::{self, MoreWhenThrottled};

/// The SDK has no overall time-out of its own: a hung socket would hang the apply.
const ATTEMPT: Duration = Duration::from_secs(30);
const OPERATION: Duration = Duration::from_secs(120);

/// One client for each service.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Machines, volumes, interfaces, groups.
    pub ec2: aws_sdk_ec2::Client,
    /// The load balancer.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// The cache.
    pub cache: aws_sdk_elasticache::Client,
    /// The key.
    pub kms: aws_sdk_kms::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
    /// The bucket.
    pub s3: aws_sdk_s3::Client,
    /// Parameters.
    pub ssm: aws_sdk_ssm::Client,
    /// DNS.
    pub route53: aws_sdk_route53::Client,
    /// Who we are.
    pub sts: aws_sdk_sts::Client,
}

/// Counts requests as they leave, repeated ones included.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// How many requests have left so far.
    pub fn calls(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_ec2::error::BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Who the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account, twelve digits.
    pub account: String,
    /// The user or role.
    pub arn: String,
}

impl Clients {
    /// Clients for a region, with the credentials that every AWS tool would find.
    pub async fn connect(region: &str, calls: Counter) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .timeout_config(timeouts)
            .retry_config(tries::config())
            .load()
            .await;
        Self::with(&config, &calls)
    }

    fn with(config: &SdkConfig, calls: &Counter) -> Self {
        macro_rules! client {
            ($sdk:ident) => {{ $sdk::Client::from_conf(client!($sdk, builder).build()) }};
            ($sdk:ident, builder) => {{
                let builder = $sdk::config::Builder::from(config).interceptor(calls.clone());
                builder.interceptor(MoreWhenThrottled)
            }};
        }
        // A server at an address of one's own has no names for buckets.
        let s3 =
            client!(aws_sdk_s3, builder).force_path_style(config.endpoint_url().is_some()).build();
        Self {
            ec2: client!(aws_sdk_ec2),
            elb: client!(aws_sdk_elasticloadbalancingv2),
            cache: client!(aws_sdk_elasticache),
            kms: client!(aws_sdk_kms),
            iam: client!(aws_sdk_iam),
            s3: aws_sdk_s3::Client::from_conf(s3),
            ssm: client!(aws_sdk_ssm),
            route53: client!(aws_sdk_route53),
            sts: client!(aws_sdk_sts),
        }
    }

    /// Who we are; refused when that is not of the account that the environment names.
    pub async fn caller(&self, account: &str) -> Result<Caller, CloudError> {
        let answer = self.sts.get_caller_identity().send().await.of("GetCallerIdentity")?;
        let caller = Caller {
            account: answer.account().unwrap_or_default().to_owned(),
            arn: answer.arn().unwrap_or_default().to_owned(),
        };
        if caller.account != account {
            let message = format!(
                "the credentials are of account {}, the environment lives in {account}",
                caller.account
            );
            return Err(CloudError::found("GetCallerIdentity", CloudClass::Credentials, message));
        }
        Ok(caller)
    }
}
