//! Keys of an environment on AWS: the log, what leaves the bucket for good, and new material for the KMS key.

use serde_json::{Value, json};

use super::stage::Stage;

/// How many versions of objects the bucket has below a prefix.
fn versions(stage: &Stage, prefix: &str) -> String {
    stage.by_hand(&format!(
        "found = s3.list_object_versions(Bucket=BUCKET, Prefix='{prefix}')\n\
         print(len(found.get('Versions', [])), len(found.get('DeleteMarkers', [])))"
    ))
}

fn log(stage: &Stage) -> Vec<Value> {
    let shown = stage.run(&["keys", "audit", "prod", "--json", "--verify"]).expect(0).json();
    shown["entries"].as_array().unwrap().clone()
}

#[test]
fn the_log_goes_with_the_keys_and_what_goes_offline_leaves_no_version_behind() {
    let stage = Stage::new();
    stage.run(&["apply", "prod", "--yes", "--reason", "the first day"]).expect(0);
    let entries = log(&stage);
    assert_eq!(
        (&entries[0]["what"], &entries[0]["why"]),
        (&json!("apply"), &json!("the first day"))
    );
    let listed = stage.run(&["keys", "list", "prod"]).expect(0).stdout;
    assert!(listed.contains("operator/identity") && listed.contains("not observed"), "{listed}");

    assert_eq!(versions(&stage, "secrets/operator.identity."), "1 0");
    natsops::secrets::ensure_identity(&stage.project.identity()).unwrap();
    stage.run(&["keys", "offline", "prod", "--out", "key.age", "--yes"]).expect(0);
    assert_eq!(versions(&stage, "secrets/operator.identity."), "0 0");
    stage.in_sync();
    stage.run(&["keys", "online", "prod", "key.age"]).expect(0);
    assert_eq!(versions(&stage, "secrets/operator.identity."), "1 0");

    stage.run(&["keys", "export", "prod", "--backup", "keys.age", "--yes"]).expect(0);
    // Every key is lost, by somebody's hand.
    stage.by_hand(
        "for prefix in ('index.json', 'secrets/', 'audit/'):\n    \
             for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)['Contents']:\n        \
                 s3.delete_object(Bucket=BUCKET, Key=one['Key'])",
    );
    stage.run(&["keys", "import", "prod", "--backup", "keys.age"]).expect(0);
    let said: Vec<Value> = log(&stage).into_iter().map(|entry| entry["what"].clone()).collect();
    let last = ["keys offline", "keys online", "keys export", "keys import"];
    assert_eq!(said[said.len() - 4..], last.map(Value::from));
    stage.in_sync();
    stage.aws.trusted();
}

#[test]
fn the_kms_key_gets_new_material_once_however_often_it_is_asked_for() {
    let stage = Stage::applied();
    let local = stage.run(&["keys", "rotate", "local", "kms", "--yes"]).expect(64).stderr;
    assert!(local.contains("has no KMS key"), "{local}");
    let rotate = ["keys", "rotate", "prod", "kms", "--yes", "--json"];
    let dry = stage.run(&["keys", "rotate", "prod", "kms", "--dry-run"]).expect(0).stdout;
    assert!(dry.contains("0 of 25"), "{dry}");
    // The answer is lost on the way: it was a yes, and is not asked for again.
    let fault = json!({"mode": "fail-after", "service": "kms", "operation": "RotateKeyOnDemand"});
    stage.aws.faults(&fault);
    let turned = stage.run(&rotate).expect(0).json();
    assert_eq!((&turned["rotated"], &turned["on_demand"]), (&json!(true), &json!(1)));
    let again = stage.run(&rotate).expect(0).json();
    assert_eq!((&again["rotated"], &again["on_demand"]), (&json!(false), &json!(1)));
    let forced = ["--now", "--reason", "a drill"];
    let forced = stage.run(&[&rotate[..], &forced].concat()).expect(0).json();
    assert_eq!((&forced["rotated"], &forced["on_demand"]), (&json!(true), &json!(2)));
    let log = stage.run(&["keys", "audit", "prod"]).expect(0).stdout;
    assert!(log.contains("keys rotate kms") && log.contains("a drill"), "{log}");
    let named = stage.run(&["keys", "rotate", "prod", "kms", "wallet", "--yes"]).expect(64).stderr;
    assert!(named.contains("leave out `wallet`"), "{named}");
    stage.in_sync();
    stage.aws.trusted();
}

/// The address of the cache with a service's password, as its task fetches it.
fn fetched(stage: &Stage) -> String {
    stage.by_hand(
        "name = '/natsops/prod/store/redis'\n\
         print(ssm.get_parameter(Name=name, WithDecryption=True)['Parameter']['Value'])",
    )
}

/// Whether the cache lets the service in with the password of an address.
fn is_let_in(stage: &Stage, address: &str) -> bool {
    let password = address.split(['@', ':']).nth(2).unwrap();
    let asked = json!({"user": "natsops-prod-store", "password": password});
    stage.aws.post("sign-in", &asked) == json!(true)
}

#[test]
fn a_password_of_the_cache_is_replaced_without_a_gap_and_a_leaked_one_at_once() {
    let stage = Stage::applied();
    let first = fetched(&stage);
    assert!(is_let_in(&stage, &first));
    let rotate = ["keys", "rotate", "prod", "redis", "store", "--yes", "--json"];
    // The answer is lost on the way: the user has both passwords, and is given both again.
    let fault = json!({"mode": "fail-after", "service": "elasticache", "operation": "ModifyUser"});
    stage.aws.faults(&fault);
    let begun = stage.run(&rotate).expect(0).json();
    assert_eq!(begun["rotation"]["steps"], json!(["issue", "accept", "deliver", "wait"]));
    assert_eq!(begun["rotation"]["redeploy"], json!(["store"]));
    let second = fetched(&stage);
    assert!(second != first && is_let_in(&stage, &first) && is_let_in(&stage, &second));
    // During the overlap two passwords are as it should be, and one is not.
    stage.in_sync();
    stage.by_hand(
        "cache.modify_user(UserId='natsops-prod-store', Passwords=['x' * 16])\nadvance(100)",
    );
    stage.apply().expect(0);
    assert!(is_let_in(&stage, &first) && is_let_in(&stage, &second));

    let ended = stage.run(&[&rotate[..], &["--overlap", "0s"]].concat()).expect(0).json();
    assert_eq!(ended["rotation"]["done"], true);
    assert!(!is_let_in(&stage, &first) && is_let_in(&stage, &second));
    stage.in_sync();

    let leaked = stage.run(&[&rotate[..], &["--now"]].concat()).expect(0).json();
    assert_eq!(leaked["rotation"]["steps"], json!(["issue", "drop", "deliver", "forget"]));
    assert!(!is_let_in(&stage, &second) && is_let_in(&stage, &fetched(&stage)));
    stage.in_sync();
    stage.aws.trusted();
}

#[test]
fn the_kms_key_is_listed_and_is_due_only_where_aws_does_not_rotate_it() {
    let stage = Stage::applied();
    let shown = |due: &[&str], code: i32| {
        let arguments = [&["keys", "list", "prod", "--json"], due].concat();
        stage.run(&arguments).expect(code).json()["kms"].clone()
    };
    let key = shown(&[], 0);
    assert_eq!((&key["alias"], &key["rotates"]), (&json!("alias/natsops-prod"), &json!(true)));
    assert!(key["next"].is_string() && key["last"].is_null() && key["due"].is_null(), "{key}");
    let text = stage.run(&["keys", "list", "prod"]).expect(0).stdout;
    assert!(
        text.contains("KMS key alias/natsops-prod") && text.contains("AWS rotates it"),
        "{text}"
    );
    stage.run(&["keys", "rotate", "prod", "kms", "--yes"]).expect(0);
    assert!(shown(&[], 0)["last"].is_string());
    assert!(shown(&["--due", "1d"], 0).is_null());

    stage.by_hand(
        "key = kms.describe_key(KeyId='alias/natsops-prod')['KeyMetadata']['KeyId']\n\
         kms.disable_key_rotation(KeyId=key)",
    );
    let key = shown(&["--due", "366d"], 2);
    assert!(key["rotates"] == false && key["due"].is_string() && key["next"].is_null(), "{key}");
    stage.aws.trusted();
}

#[test]
fn what_is_due_on_aws_is_told_with_the_command_that_replaces_it() {
    let stage = Stage::applied();
    let old = "identity:\n  rotation: {client: 1s, authority: 1s, cache_user: 1s}\n";
    stage.project.edit("prod.yaml", "identity:\n", old);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let said = stage.run(&["keys", "rotate", "prod", "--all-due", "--dry-run"]).expect(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines.contains(&"natsops keys rotate prod client-certificates wallet"), "{lines:?}");
    assert!(lines.contains(&"natsops keys rotate prod ca --yes"), "{lines:?}");
    assert!(lines.contains(&"natsops keys rotate prod redis store"), "{lines:?}");
    assert!(!said.stderr.contains("not replaced"), "{}", said.stderr);
    stage.aws.trusted();
}
