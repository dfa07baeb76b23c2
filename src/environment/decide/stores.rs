//! Consumers and buckets, from spec to model.

use crate::environment::spec::{BucketSpec, ConsumerSpec};
use crate::model::{
    AccountName, Ack, Bucket, BucketName, ByteSize, Consumer, Period, Redelivery, ServiceName,
};

/// How long an acknowledgement is waited for where nothing is said: what a server takes then.
const ACK_WAIT: Period = Period::seconds(30);

/// How many messages may wait for their acknowledgement where nothing is said: what a server takes then.
const MAX_ACK_PENDING: u32 = 1000;

/// A consumer of `service`, which lives in `own`.
pub fn consumer(service: &ServiceName, own: &AccountName, spec: ConsumerSpec) -> Consumer {
    let name = || service.as_str().parse().expect("a service's name has the form of a consumer's");
    let redelivery = (spec.ack != Ack::None).then(|| Redelivery {
        // The server waits for the first period of a backoff, whatever else it was told.
        ack_wait: spec.backoff.first().copied().or(spec.ack_wait).unwrap_or(ACK_WAIT),
        max_deliver: spec.max_deliver,
        backoff: spec.backoff,
        max_ack_pending: spec.max_ack_pending.unwrap_or(MAX_ACK_PENDING),
    });
    Consumer {
        account: spec.account.unwrap_or_else(|| own.clone()),
        stream: spec.stream,
        name: spec.consumer.unwrap_or_else(name),
        description: spec.description,
        filter: spec.filter,
        deliver: spec.deliver,
        ack: spec.ack,
        redelivery,
        max_waiting: spec.max_waiting,
        replicas: spec.replicas,
    }
}

/// A bucket, no larger than `cap`.
pub fn bucket(name: BucketName, spec: BucketSpec, cap: Option<ByteSize>) -> Bucket {
    let BucketSpec {
        account,
        description,
        history,
        ttl,
        max_bytes,
        max_value_size,
        replicas,
        compression,
        placement,
    } = spec;
    Bucket {
        name,
        account,
        description,
        history,
        ttl,
        max_bytes: cap.map_or(max_bytes, |cap| max_bytes.min(cap)),
        max_value_size,
        replicas,
        compression,
        placement,
    }
}
