//! What natsops does on AWS, against an emulator: moto's server with the calls that it lacks and the rules of AWS before
//! it. Its own rules are proved first, so that it can be trusted to refuse what AWS refuses.

mod after;
mod blocked;
pub mod bundles;
mod drift;
mod edits;
pub mod emulator;
mod expected;
mod faults;
mod fields;
mod keys;
mod large;
mod life;
mod overtaken;
mod refusals;
mod replace;
mod sessions;
mod shell;
pub mod stage;
mod status;
mod strangers;

use std::process::Command;

use serde_json::json;

use crate::support::package;
use emulator::{Emulator, python};

/// Every rule of the emulator, through boto3.
#[test]
fn the_emulator_keeps_the_rules_of_aws() {
    let output = Command::new(python())
        .arg(package().join("tests/aws/emulator/selftest.py"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// What tests see of the emulator beside AWS: the shared network, the list of calls, and the separate reader.
#[test]
fn the_emulator_is_at_hand() {
    let aws = Emulator::start();
    let network = aws.seed();
    assert_eq!(network["subnets"].as_object().unwrap().len(), 3);
    let before = aws.inventory();
    assert_eq!(before["vpc-endpoint"].as_array().unwrap().len(), 3);
    let expected = json!({"environment": "prod", "resources": {"bucket": {"natsops-prod": {}}}});
    let read = aws.read(&expected);
    assert_eq!(read["differences"], json!(["bucket/natsops-prod is missing"]));
    assert!(aws.calls().iter().any(|call| call.operation == "DescribeInstances"));
    aws.post("reset-calls", &json!(null));
    assert_eq!(aws.calls(), []);
    aws.trusted();
    assert_eq!(aws.inventory(), before);
}

/// Whatever client a test starts with these variables meets the emulator, and the faults that it ordered.
#[test]
fn any_client_meets_the_emulator() {
    let aws = Emulator::start();
    aws.faults(&json!([{"service": "kms", "operation": "CreateKey", "mode": "fail-after"}]));
    let client = "import boto3; boto3.client('kms').create_key()";
    let ended = Command::new(python()).args(["-c", client]).envs(aws.variables()).status().unwrap();
    assert!(ended.success());
    // The first answer was lost and the client asked again: that is how a second key comes to be.
    let calls: Vec<_> = aws.calls().into_iter().map(|call| (call.operation, call.status)).collect();
    let create = || "CreateKey".to_owned();
    assert_eq!(calls, [(create(), Some(0)), (create(), Some(200))]);
    assert_eq!(aws.inventory()["key"].as_array().unwrap().len(), 2);
}

/// The emulator never outlives its test.
#[test]
fn the_emulator_ends_with_its_test() {
    let aws = Emulator::start();
    let port = aws.port;
    drop(aws);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
