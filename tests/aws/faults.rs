//! Whatever fails, is lost or dies in the middle: the same command again makes the same environment, and nothing twice.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Map, Value, json};

use super::drift::{about, fields};
use super::expected::resources;
use super::stage::Stage;
use crate::support::{Dice, Output, changes, signal};

/// Cases of the whole matrix that are tried in a run of all tests; `NATSOPS_FAULTS=all` tries every one.
const SAMPLE: usize = 3;

/// What is drawn from; a failing draw can be repeated.
const SEED: u64 = 20_261_128;

/// How many things of each kind there are.
fn counts(inventory: &Value) -> Value {
    let kinds = inventory.as_object().unwrap().iter();
    kinds
        .map(|(kind, ids)| (kind.clone(), json!(ids.as_array().unwrap().len())))
        .collect::<Map<_, _>>()
        .into()
}

/// A first apply that nothing disturbs.
struct Clean {
    /// Service and name of each operation that changes something, in the order of their first calls.
    operations: Vec<(String, String)>,
    /// How many things of each kind there are in the end.
    counts: Value,
}

/// It is the same for every test, so it is run once.
fn clean() -> &'static Clean {
    static CLEAN: OnceLock<Clean> = OnceLock::new();
    CLEAN.get_or_init(|| {
        let stage = Stage::applied();
        let mut seen = BTreeSet::new();
        let calls = stage.changes().into_iter().map(|call| (call.service, call.operation));
        let operations = calls.filter(|call| seen.insert(call.clone())).collect();
        Clean { operations, counts: counts(&stage.aws.inventory()) }
    })
}

/// An apply ends well, the next plan is empty, everything is there once, with the tags that say whose it is.
#[track_caller]
fn converges(stage: &Stage, case: &str) {
    stage.aws.post("clear-faults", &json!(null));
    let output = stage.apply();
    assert_eq!(output.code, 0, "{case}\n{}", output.stderr);
    stage.in_sync();
    assert_eq!(counts(&stage.aws.inventory()), clean().counts, "{case}");
}

/// The reader finds every attribute, tags included, as after an apply that nothing disturbed.
#[track_caller]
fn is_whole(stage: &Stage) {
    let mut wanted = resources(&stage.image);
    for parameter in wanted["parameter"].as_object_mut().unwrap().values_mut() {
        // One whose answer was lost is written a second time.
        parameter.as_object_mut().unwrap().remove("version");
    }
    let read = stage.aws.read(&json!({"environment": "prod", "resources": wanted}));
    assert_eq!(read["differences"], json!([]));
    stage.aws.trusted();
}

/// A run that is still going on.
pub struct Running(Child);

impl Running {
    fn start(stage: &Stage) -> Self {
        Self::of(stage.command(&["apply", "prod", "--yes"]))
    }

    pub fn of(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub fn send(&self, what: Signal) {
        signal(i32::try_from(self.0.id()).unwrap(), what);
    }

    pub fn end(self) -> Output {
        Output::of(&self.0.wait_with_output().unwrap())
    }

    /// As when the machine of its engineer dies.
    fn kill(self) {
        self.send(Signal::KILL);
        assert_eq!(self.end().code, -1, "it was killed in the middle");
    }
}

/// Waits for something that must come.
#[track_caller]
pub fn wait_for(what: &str, mut come: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !come() {
        assert!(begin.elapsed() < Duration::from_secs(180), "{what} does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn has_called(stage: &Stage, operation: &str) -> bool {
    stage.aws.calls().iter().any(|call| call.operation == operation)
}

/// At the first call of each operation, the network goes: before AWS has heard it, or before we hear the answer.
#[test]
fn a_network_that_goes_at_every_first_call_does_no_harm() {
    let operations = &clean().operations;
    let mut stage = Stage::new();
    assert!(operations.len() > 30, "{operations:?}");
    for mode in ["fail-before", "fail-after"] {
        stage.begin_again();
        let fault = |(service, operation): &(String, String)| json!({"mode": mode, "service": service, "operation": operation});
        stage.aws.faults(&operations.iter().map(fault).collect());
        let first = stage.apply();
        assert!([0, 1].contains(&first.code), "{mode}: {}\n{}", first.code, first.stderr);
        converges(&stage, mode);
        is_whole(&stage);
    }
}

/// Killed while a call is on its way, or when AWS has done what it asked: the next run finds what there is.
#[test]
fn a_run_that_is_killed_at_a_call_is_continued_by_the_next() {
    let operations = &clean().operations;
    let mut stage = Stage::new();
    let cases = operations.iter().flat_map(|call| [(call, false), (call, true)]);
    let mut cases: Vec<_> = cases.collect();
    if std::env::var("NATSOPS_FAULTS").as_deref() != Ok("all") {
        let mut dice = Dice::new(SEED);
        cases = (0..SAMPLE).map(|_| cases.swap_remove(dice.roll(cases.len()))).collect();
    }
    // Between the first thing of all and the next.
    let first = operations.iter().find(|(_, operation)| operation == "CreateBucket").unwrap();
    cases.push((first, true));
    for ((service, operation), executed) in cases {
        let case = format!("{service} {operation}, executed: {executed}");
        stage.begin_again();
        // Longer than any test: its answer never comes.
        stage.aws.faults(&json!({
            "mode": "stall", "service": service, "operation": operation, "executed": executed, "seconds": 1e6,
        }));
        let run = Running::start(&stage);
        wait_for(&case, || stage.aws.get("faults")[0]["seen"] != 0);
        // A call that is executed is executed at once.
        std::thread::sleep(Duration::from_millis(100));
        run.kill();
        converges(&stage, &case);
    }
    is_whole(&stage);
}

/// Killed again and again, wherever it was.
#[test]
fn a_run_that_is_killed_anywhere_is_continued_by_the_next() {
    let stage = Stage::new();
    let mut dice = Dice::new(SEED);
    for round in 1..=3 {
        stage.aws.post("reset-calls", &json!(null));
        let run = Running::start(&stage);
        let calls = 45 * round + dice.roll(120);
        wait_for("the moment", || stage.aws.calls().len() >= calls);
        run.kill();
    }
    let lease = "print(s3.get_object(Bucket=BUCKET, Key='lease.json')['Body'].read().decode())";
    assert!(
        stage.by_hand(lease).contains("natsops apply prod"),
        "the dead one still has the lease"
    );
    converges(&stage, "killed three times");
    is_whole(&stage);
}

/// AWS refuses whoever asks too often, and means it for a while.
#[test]
fn a_run_that_is_throttled_waits_and_goes_on() {
    let stage = Stage::new();
    stage.aws.faults(&json!([
        {"mode": "throttle", "mutating": true, "nth": 5, "times": 5},
        {"mode": "throttle", "service": "ec2", "operation": "DescribeVpcAttribute", "times": 9},
        {"mode": "throttle", "service": "ec2", "nth": 30, "times": 5},
        {"mode": "throttle", "service": "elbv2", "nth": 10, "times": 3},
        {"mode": "error", "service": "iam", "nth": 8, "times": 2, "status": 503, "code": "ServiceUnavailable"},
    ]));
    stage.apply().expect(0);
    stage.in_sync();
    is_whole(&stage);
}

/// A fault of AWS's own is not waited for as long.
#[test]
fn a_call_that_fails_otherwise_is_given_up_after_five_tries() {
    let stage = Stage::new();
    stage.aws.faults(&json!([{"mode": "error", "service": "ec2", "operation": "DescribeVpcs", "times": 99, "status": 500}]));
    let failed = stage.run(&["plan", "prod"]).expect(1).stderr;
    assert!(failed.contains("DescribeVpcs"), "{failed}");
    let calls = stage.aws.calls();
    assert_eq!(calls.iter().filter(|call| call.operation == "DescribeVpcs").count(), 5);
}

/// Ctrl-C: nothing new begins, what is on its way is named, the lease is given back, within two seconds.
#[test]
fn an_interrupted_run_says_what_is_in_flight_and_gives_the_lease_back() {
    let stage = Stage::slow();
    let run = Running::start(&stage);
    wait_for("the cache", || has_called(&stage, "CreateReplicationGroup"));
    run.send(Signal::INT);
    let begin = Instant::now();
    let output = run.end();
    let took = begin.elapsed();
    assert_eq!(output.code, 130, "{}", output.stderr);
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(output.stderr.contains("replication group natsops-prod"), "{}", output.stderr);
    assert!(output.stderr.contains("natsops plan prod"), "{}", output.stderr);
    let objects = "print([one['Key'] for one in s3.list_objects_v2(Bucket=BUCKET)['Contents']])";
    let objects = stage.by_hand(objects);
    assert!(objects.contains("index.json") && !objects.contains("lease.json"), "{objects}");
    let made = stage.changes().len();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(stage.changes().len(), made, "nothing goes on behind its back");
    assert!(!output.stderr.contains("was finished"), "{}", output.stderr);
    assert!(output.stderr.contains("the next apply does it"), "{}", output.stderr);

    // The cache is still being made, and the next run waits for it as the first one would have.
    let again = stage.again_at_work();
    let again = stage.hurried(again);
    assert_eq!(again.code, 0, "{}", again.stderr);
    stage.in_sync();
    is_whole(&stage);
    stage.caches_are_reached();
}

/// What AWS says yes to and then does not make: told with its reason, seen by the next plan, and made anew.
#[test]
fn a_cache_that_aws_could_not_make_is_told_and_made_anew() {
    let stage = Stage::new();
    let reason = "there is no capacity for it";
    stage.aws.post("fail-change", &json!({"thing": "natsops-prod", "reason": reason}));
    let failed = stage.apply().expect(1);
    let words = format!("the cache ended: create-failed: {reason}");
    assert!(failed.stderr.contains(&words), "{}", failed.stderr);

    let plan = stage.plan();
    let cache = about(&plan, "replication-group", "natsops-prod");
    assert_eq!(fields(cache), ["status"].into());
    assert!(cache["changes"].to_string().contains("create-failed"), "{cache}");
    stage.apply().expect(0);
    stage.in_sync();
    is_whole(&stage);
    stage.caches_are_reached();
}

/// Hardware fails without a call: the next plan tells, with the way out, and no apply takes it for whole.
#[test]
fn a_volume_whose_hardware_failed_and_a_load_balancer_that_was_not_made_are_told() {
    let stage = Stage::applied();
    let volume = stage.by_hand("print(volume('nats-2'))");
    stage.aws.post("break", &json!({"volume": volume, "balancer": "natsops-prod"}));
    let plan = stage.plan();
    for (kind, name, way) in [
        ("volume", "nats-2", "natsops node replace prod nats-2 --empty-disk"),
        ("load-balancer", "natsops-prod", "delete it in AWS's console"),
    ] {
        let found = about(&plan, kind, name);
        assert_eq!(fields(found), ["state"].into());
        assert!(found["blocked"].as_str().unwrap().contains(way), "{found}");
    }
    stage.apply().expect(5);

    let replace = ["node", "replace", "prod", "nats-2", "--empty-disk", "--yes"];
    stage.run(&[&replace[..], &["--allow-interruption"]].concat()).expect(0);
    let kinds: Vec<String> = changes(&stage.plan());
    assert_eq!(kinds, ["update load-balancer natsops-prod"]);
}

/// AWS remembers the token of an interface for longer than the interface lives.
#[test]
fn an_interface_that_somebody_deleted_is_made_again() {
    let stage = Stage::new();
    stage.aws.faults(&json!({
        "mode": "error", "service": "ec2", "operation": "RunInstances", "code": "InsufficientInstanceCapacity",
        "status": 500, "times": 1000,
    }));
    stage.apply();
    stage.aws.post("clear-faults", &json!(null));
    stage.by_hand(
        "named = [{'Name': 'tag:natsops:node', 'Values': ['nats-4']}]
[lone] = ec2.describe_network_interfaces(Filters=named)['NetworkInterfaces']
ec2.delete_network_interface(NetworkInterfaceId=lone['NetworkInterfaceId'])",
    );
    stage.apply().expect(0);
    stage.in_sync();
}

/// A machine that has just begun takes no volume, and a cache takes no users whose group has just begun: the next run waits
/// for both.
#[test]
fn a_run_that_finds_something_beginning_waits_for_it() {
    for begun in ["RunInstances", "CreateUserGroup"] {
        let stage = Stage::in_real_time();
        let run = Running::start(&stage);
        wait_for(begun, || {
            stage.aws.post("advance", &json!(1));
            has_called(&stage, begun)
        });
        run.send(Signal::INT);
        assert_eq!(run.end().code, 130);
        let again = stage.again_at_work();
        let again = stage.hurried(again);
        assert_eq!(again.code, 0, "{begun}: {}", again.stderr);
        stage.in_sync();
        is_whole(&stage);
    }
}

/// A volume that AWS has promised and takes away again, as it does where it may not use the key.
#[test]
fn a_volume_that_is_gone_again_is_told_and_made_anew() {
    let stage = Stage::new();
    stage.aws.post("fail-change", &json!({"thing": "volume", "reason": "no right"}));
    let failed = stage.apply().expect(1).stderr;
    assert!(
        failed.contains("ended: AWS does not have it; look at the rights of its key"),
        "{failed}"
    );
    stage.apply().expect(0);
    stage.in_sync();
    is_whole(&stage);
}

/// A change of a volume that AWS takes and then does not make is told with its reason, and tried again.
#[test]
fn a_volume_that_does_not_change_after_all_is_told() {
    let stage = Stage::applied();
    let volume = stage.by_hand("print(volume('nats-2'))");
    let reason = "there is no room for it";
    stage.aws.post("fail-change", &json!({"thing": volume, "reason": reason}));
    stage.project.edit("prod.yaml", "size: 500 GiB\n", "size: 600 GiB\n");
    let failed = stage.apply().expect(1);
    assert!(failed.stderr.contains(reason), "{}", failed.stderr);
    let changes = changes(&stage.plan());
    assert_eq!(changes.len(), 1, "{changes:?}");
    stage.apply().expect(0);
    stage.in_sync();
}

impl Stage {
    /// Another run that has come to what takes long: it has looked for the third time, and done what takes a moment.
    #[track_caller]
    fn again_at_work(&self) -> Running {
        self.aws.post("reset-calls", &json!(null));
        let run = Running::start(self);
        wait_for("the second run", || {
            let calls = self.aws.calls();
            calls.iter().filter(|call| call.operation == "ListRoles").count() >= 3
        });
        std::thread::sleep(Duration::from_secs(2));
        run
    }

    /// Every service with a cache was told where that is, and nothing else of it has an address.
    #[track_caller]
    fn caches_are_reached(&self) {
        let told = self.by_hand(
            "found = cache.describe_replication_groups(ReplicationGroupId='natsops-prod')['ReplicationGroups'][0]
end = '@{Address}:{Port}'.format(**found['ConfigurationEndpoint'])
names = [one['Name'] for one in ssm.get_paginator('describe_parameters').paginate().search('Parameters[]')]
names = [name for name in names if name.startswith('/natsops/prod/') and name.endswith('/redis')]
for name in names:
    value = ssm.get_parameter(Name=name, WithDecryption=True)['Parameter']['Value']
    print(name, value.endswith(end))",
        );
        assert!(told.contains("/store/redis True") && !told.contains("False"), "{told}");
    }

    /// Lets time pass until a run of a slow emulator has ended.
    fn hurried(&self, mut run: Running) -> Output {
        while run.0.try_wait().unwrap().is_none() {
            self.aws.post("advance", &json!(60));
            std::thread::sleep(Duration::from_millis(50));
        }
        run.end()
    }
}

/// Two at once: the second one names the first and changes nothing. Without the lease, both may run, and still nothing is
/// made twice.
#[test]
fn two_runs_at_once_make_nothing_twice() {
    let stage = Stage::slow();
    let first = Running::start(&stage);
    let holder = format!("process {}", first.0.id());
    wait_for("the cache", || has_called(&stage, "CreateReplicationGroup"));
    let second = stage.apply().expect(6);
    assert!(second.stderr.contains(&holder), "{}", second.stderr);
    assert!(second.stderr.contains("nothing was changed"), "{}", second.stderr);

    stage.by_hand("s3.delete_object(Bucket=BUCKET, Key='lease.json')");
    let second = Running::start(&stage);
    let second = stage.hurried(second);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let first = stage.hurried(first);
    assert!([0, 6].contains(&first.code), "{}: {}", first.code, first.stderr);
    stage.in_sync();
    is_whole(&stage);
}
