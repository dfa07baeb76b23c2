//! Somebody changes the environment between the question and its answer: what was agreed to is done, or nothing.

use serde_json::json;

use super::faults::{Running, wait_for};
use super::stage::Stage;
use crate::support::Output;

/// Runs a command whose lease comes late, and changes the world meanwhile.
fn overtaken(stage: &Stage, arguments: &[&str], change: &str) -> Output {
    stage.aws.post("reset-calls", &json!(null));
    stage.aws.faults(&json!({
        "mode": "stall", "service": "s3", "operation": "PutObject", "executed": true, "seconds": 15.0,
    }));
    let running = Running::of(stage.command(arguments));
    wait_for("the lease", || stage.aws.calls().iter().any(|call| call.operation == "PutObject"));
    stage.by_hand(change);
    running.end()
}

#[test]
fn an_apply_does_nothing_that_its_plan_did_not_show() {
    let stage = Stage::applied();
    stage.project.edit("prod.yaml", "iops: 3000", "iops: 3500");
    let door =
        "ec2.authorize_security_group_ingress(GroupId=group('natsops-prod-nodes'), IpPermissions=[
    {'IpProtocol': 'tcp', 'FromPort': 22, 'ToPort': 22, 'IpRanges': [{'CidrIp': '10.0.0.0/8'}]}])";
    let refused = overtaken(&stage, &["apply", "prod", "--yes"], door).expect(5);
    let words = "rule nodes in tcp 22 from 10.0.0.0/8 is to be changed as well";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    // Once it is shown, it is done.
    stage.apply().expect(0);
    stage.in_sync();
}

#[test]
fn a_destroy_heeds_a_mark_that_came_after_its_question() {
    let stage = Stage::applied();
    stage.release();
    let mark = "tags = [tag for tag in s3.get_bucket_tagging(Bucket=BUCKET)['TagSet'] if tag['Key'] != 'natsops:protected']
tags.append({'Key': 'natsops:protected', 'Value': 'true'})
s3.put_bucket_tagging(Bucket=BUCKET, Tagging={'TagSet': tags})";
    let before = stage.aws.inventory();
    let refused = overtaken(&stage, &["destroy", "prod", "--yes"], mark).expect(5);
    assert!(refused.stderr.contains("protected"), "{}", refused.stderr);
    assert_eq!(stage.aws.inventory(), before);
}
