//! The part of AWS that a region belongs to.

/// What ARNs and the names of services carry of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The second word of every ARN.
    pub arn: &'static str,
    /// What names of services end with.
    pub domain: &'static str,
}

impl Partition {
    /// That of a region.
    pub fn of(region: &str) -> Self {
        if region.starts_with("cn-") {
            Self { arn: "aws-cn", domain: "amazonaws.com.cn" }
        } else if region.starts_with("us-gov-") {
            Self { arn: "aws-us-gov", domain: "amazonaws.com" }
        } else {
            Self { arn: "aws", domain: "amazonaws.com" }
        }
    }
}
