//! Another machine for a node: the same address, data and rights under it, whatever dies on the way.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::faults::{Running, wait_for};
use super::stage::Stage;
use crate::support::{Output, changes};

/// What a node has, by the account of somebody who knows boto3 alone.
const FACTS: &str = "
def tags(thing):
    return dict((tag['Key'], tag['Value']) for tag in thing.get('Tags', thing.get('TagSet', [])))
def facts(node):
    filters = [{'Name': 'tag:natsops:node', 'Values': [node]}]
    living = filters + [{'Name': 'instance-state-name', 'Values': ['pending', 'running', 'stopping', 'stopped']}]
    found = [one for r in ec2.describe_instances(Filters=living)['Reservations'] for one in r['Instances']]
    [machine] = found
    ever = [one for r in ec2.describe_instances(Filters=filters)['Reservations'] for one in r['Instances']]
    [nic] = ec2.describe_network_interfaces(Filters=filters)['NetworkInterfaces']
    volumes = ec2.describe_volumes(Filters=filters)['Volumes']
    of = lambda role: sorted(one['VolumeId'] for one in volumes if tags(one).get('natsops:role') == role)
    protected = ec2.describe_instance_attribute(InstanceId=machine['InstanceId'], Attribute='disableApiTermination')
    attached = [one['Ebs']['VolumeId'] for one in machine['BlockDeviceMappings'] if one['DeviceName'] == '/dev/sdf']
    return {
        'machine': machine['InstanceId'], 'image': machine['ImageId'], 'type': machine['InstanceType'], 'state': machine['State']['Name'],
        'profile': machine['IamInstanceProfile']['Arn'], 'generation': tags(machine).get('natsops:generation'),
        'interface': nic['NetworkInterfaceId'], 'address': nic['PrivateIpAddress'],
        'of_interface': nic['Attachment']['InstanceId'], 'noted': tags(nic).get('natsops:generation'),
        'replacing': tags(nic).get('natsops:replacing'), 'data': of('data'), 'aside': of('set-aside'),
        'attached': attached, 'protected': protected['DisableApiTermination']['Value'], 'machines': len(ever),
    }
";

impl Stage {
    #[track_caller]
    fn facts(&self, node: &str) -> Value {
        let script = format!("{FACTS}\nprint(json.dumps(facts('{node}')))");
        serde_json::from_str(&self.by_hand(&script)).unwrap()
    }

    /// From here no server can be reached, so whoever replaces a machine must say that they know.
    #[track_caller]
    fn replace(&self, node: &str, more: &[&str]) -> Output {
        let words = ["node", "replace", "prod", node, "--yes", "--allow-interruption"];
        self.run(&[&words[..], more].concat())
    }

    fn called(&self) -> Vec<String> {
        self.changes().into_iter().map(|call| call.operation).collect()
    }
}

/// What outlives a machine.
#[track_caller]
fn stays(before: &Value, after: &Value, also: &[&str]) {
    for part in ["interface", "address", "profile"].iter().chain(also) {
        assert_eq!(before[part], after[part], "{part}");
    }
    assert_ne!(before["machine"], after["machine"]);
    assert_eq!(after["of_interface"], after["machine"]);
    assert_eq!(after["attached"], after["data"]);
    assert_eq!((&after["state"], &after["protected"]), (&json!("running"), &json!(true)));
    assert_eq!(after["replacing"], Value::Null);
    assert_eq!(after["generation"], after["noted"]);
}

#[test]
fn a_replaced_machine_has_the_same_address_data_and_rights() {
    let stage = Stage::applied();
    let (before, other) = (stage.facts("nats-2"), stage.facts("nats-5"));
    let (world, made) = (stage.aws.inventory(), stage.changes().len());
    let refused = stage.run(&["node", "replace", "prod", "nats-2", "--yes"]).expect(5);
    for words in ["can't be reached from here", "nothing was changed", "--allow-interruption"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    // What was allowed already is allowed by the next command as well.
    let order =
        ["node", "replace", "prod", "nats-2", "--yes", "--empty-disk", "--lose", "GAME/ONE"];
    let refused = stage.run(&order).expect(5).stderr;
    let next = "natsops node replace prod nats-2 --empty-disk --lose GAME/ONE --allow-interruption";
    assert!(refused.contains(next), "{refused}");
    let unasked = ["node", "replace", "prod", "nats-2", "--allow-interruption"];
    assert!(stage.run(&unasked).expect(5).stderr.contains("nobody can be asked"));
    assert_eq!(stage.aws.inventory(), world);
    assert_eq!(stage.changes().len(), made, "nothing was touched");

    stage.aws.post("reset-calls", &json!(null));
    let said = stage.replace("nats-2", &["--json"]).expect(0).json();
    assert_eq!((&said["generation"], &said["healthy"]), (&json!(2), &Value::Null));
    let calls = stage.called();
    let calls: Vec<&str> =
        calls.iter().map(String::as_str).filter(|call| !call.ends_with("Object")).collect();
    let wanted = [
        "CreateTags",
        "StopInstances",
        "ModifyInstanceAttribute",
        "TerminateInstances",
        "RunInstances",
        "AttachVolume",
        "DeleteTags",
    ];
    assert_eq!(calls, wanted, "noted first, left in order, and nothing else touched");
    let after = stage.facts("nats-2");
    stays(&before, &after, &["data", "aside", "image"]);
    assert_eq!(after["generation"], "2");
    assert_eq!(stage.facts("nats-5"), other);
    stage.in_sync();
    // Asked again, it is done again.
    stage.replace("nats-2", &[]).expect(0);
    let third = stage.facts("nats-2");
    stays(&after, &third, &["data"]);
    assert_eq!(third["generation"], "3");
    stage.in_sync();
    stage.aws.trusted();
}

/// A machine that AWS has taken, and one that can't stop.
#[test]
fn a_dead_machine_is_replaced() {
    let stage = Stage::applied();
    let before = stage.facts("nats-4");
    stage.by_hand(
        "id = instance('nats-4')\n\
         ec2.modify_instance_attribute(InstanceId=id, DisableApiTermination={'Value': False})\n\
         ec2.terminate_instances(InstanceIds=[id])",
    );
    stage.replace("nats-4", &[]).expect(0);
    stays(&before, &stage.facts("nats-4"), &["data", "image"]);

    let before = stage.facts("nats-3");
    stage.aws.faults(&json!({"mode": "error", "service": "ec2", "operation": "StopInstances",
        "code": "IncorrectInstanceState", "status": 400}));
    stage.replace("nats-3", &[]).expect(0);
    stays(&before, &stage.facts("nats-3"), &["data", "image"]);
    stage.in_sync();
    stage.aws.trusted();
}

#[test]
fn another_image_and_type_come_by_one_node_after_the_other() {
    let stage = Stage::applied();
    let other = stage.by_hand(&format!(
        "every = [one['ImageId'] for one in ec2.describe_images()['Images'] if one['RootDeviceName'] == '/dev/xvda']\n\
         print([one for one in every if one != '{}'][0])",
        stage.image
    ));
    stage.project.edit("prod.yaml", &stage.image, &other);
    stage.project.edit("prod.yaml", "instance_type: m6i.large", "instance_type: m6i.xlarge");
    for node in ["nats-1", "nats-2", "nats-3", "nats-4", "nats-5"] {
        let blocked = stage.plan();
        let actions = blocked["plan"]["actions"].as_array().unwrap();
        let way = format!("natsops node replace prod {node}");
        let told = actions.iter().any(|a| a["blocked"].as_str().is_some_and(|b| b.contains(&way)));
        assert!(told, "{:?}", changes(&blocked));
        stage.replace(node, &[]).expect(0);
        let facts = stage.facts(node);
        assert_eq!((&facts["image"], &facts["type"]), (&json!(other), &json!("m6i.xlarge")));
    }
    stage.in_sync();
    stage.aws.trusted();
}

#[test]
fn a_dead_disk_is_kept_aside_and_an_empty_one_comes() {
    let stage = Stage::applied();
    let before = stage.facts("nats-1");
    let said = stage.replace("nats-1", &["--empty-disk", "--json"]).expect(0).json();
    assert_eq!(said["empty_disk"], true);
    let after = stage.facts("nats-1");
    stays(&before, &after, &["image"]);
    assert_eq!(after["aside"], before["data"], "kept, and the node's no more");
    assert_ne!(after["data"], before["data"]);
    stage.in_sync();
    // Once more, and the plain way after that: neither takes one of the former disks.
    stage.replace("nats-1", &["--empty-disk"]).expect(0);
    let again = stage.facts("nats-1");
    assert_eq!(again["aside"].as_array().unwrap().len(), 2);
    stage.replace("nats-1", &[]).expect(0);
    stays(&again, &stage.facts("nats-1"), &["data", "aside"]);
    stage.in_sync();
    stage.aws.trusted();

    // Not even a destroy that deletes volumes takes what was set aside.
    stage.release();
    let everything = ["destroy", "prod", "--yes", "--no-snapshot", "--delete", "volumes"];
    stage.run(&everything).expect(0);
    let left = stage
        .by_hand("print(sorted(one['VolumeId'] for one in ec2.describe_volumes()['Volumes']))");
    let kept: Vec<&str> =
        again["aside"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(left, format!("['{}']", kept.join("', '")));
}

/// The steps of a replacement: each call that changes something, with how many of them come before.
const STEPS: [(&str, u32); 8] = [
    ("CreateTags", 1),
    ("StopInstances", 1),
    ("ModifyInstanceAttribute", 1),
    ("TerminateInstances", 1),
    ("CreateVolume", 1),
    ("RunInstances", 1),
    ("AttachVolume", 1),
    ("DeleteTags", 1),
];

/// Killed before or after any step: the same command goes on, and the node gets one new machine and not two.
#[test]
fn a_replacement_that_is_killed_anywhere_is_continued() {
    let stage = Stage::applied();
    let cases = STEPS.iter().flat_map(|step| [(step, false), (step, true)]);
    let second_tags = ("CreateTags", 2);
    let cases: Vec<_> = cases.chain([(&second_tags, false), (&second_tags, true)]).collect();
    for (round, ((operation, nth), executed)) in cases.into_iter().enumerate() {
        let case = format!("{operation} {nth}, executed: {executed}");
        // Every other case keeps its disk, where the step is one of both ways.
        let empty = *operation == "CreateVolume" || *nth == 2 || round % 4 >= 2;
        let node = ["nats-1", "nats-2", "nats-3", "nats-4", "nats-5"][round % 5];
        let disk: &[&str] = if empty { &["--empty-disk"] } else { &[] };
        let before = stage.facts(node);
        stage.aws.faults(&json!({
            "mode": "stall", "service": "ec2", "operation": operation, "nth": nth,
            "executed": executed, "seconds": 1e6,
        }));
        let words = ["node", "replace", "prod", node, "--yes", "--allow-interruption"];
        let run = Running::of(stage.command(&[&words[..], disk].concat()));
        wait_for(&case, || stage.aws.get("faults")[0]["seen"].as_u64() == Some((*nth).into()));
        std::thread::sleep(Duration::from_millis(100));
        run.send(Signal::KILL);
        run.end();
        stage.aws.post("clear-faults", &json!(null));
        let again = stage.replace(node, disk);
        assert_eq!(again.code, 0, "{case}\n{}", again.stderr);
        let after = stage.facts(node);
        stays(&before, &after, &[]);
        // A run that died when all was done, and whose note was gone, was not interrupted: asked again, it is done again.
        let times = 1 + u64::from(*operation == "DeleteTags" && executed);
        let machines = |facts: &Value| facts["machines"].as_u64().unwrap();
        assert_eq!(machines(&after), machines(&before) + times, "{case}");
        let aside = |facts: &Value| facts["aside"].as_array().unwrap().len() as u64;
        assert_eq!(aside(&after), aside(&before) + times * u64::from(empty), "{case}");
        if !empty {
            assert_eq!(after["data"], before["data"], "{case}");
        }
        stage.in_sync();
    }
    stage.aws.trusted();
}

/// An apply in between makes what is missing, and the replacement ends with what that made.
#[test]
fn an_apply_may_come_in_between() {
    let stage = Stage::applied();
    let before = stage.facts("nats-3");
    stage.aws.faults(&json!({"mode": "error", "service": "ec2", "operation": "RunInstances",
        "code": "InsufficientInstanceCapacity", "status": 500, "times": 5}));
    let failed = stage.replace("nats-3", &[]).expect(7);
    assert!(failed.stderr.contains("natsops node replace prod nats-3"), "{}", failed.stderr);
    stage.aws.post("clear-faults", &json!(null));
    stage.apply().expect(0);
    stage.in_sync();
    let made = stage.facts("nats-3");
    assert_eq!((&made["generation"], &made["replacing"]), (&json!("2"), &json!("2")));
    // What goes on harms nobody, so it needs no permission.
    stage.run(&["node", "replace", "prod", "nats-3", "--yes"]).expect(0);
    let after = stage.facts("nats-3");
    assert_eq!(after["machine"], made["machine"], "the machine of now is the new one");
    stays(&before, &after, &["data"]);
    stage.aws.trusted();
}

#[test]
fn a_machine_that_is_not_ours_is_not_replaced() {
    let stage = Stage::applied();
    stage.by_hand(
        "ec2.delete_tags(Resources=[instance('nats-4')], Tags=[{'Key': 'natsops:environment'}])",
    );
    let before = stage.aws.inventory();
    let refused = stage.replace("nats-4", &[]).expect(5);
    assert!(refused.stderr.contains("somebody else's machine"), "{}", refused.stderr);
    assert_eq!(stage.aws.inventory(), before);
}
