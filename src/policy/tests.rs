//! What the policies allow, and that IAM takes them.

use super::*;

fn scope() -> Scope {
    Scope {
        environment: "prod".to_owned(),
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        key_alias: "alias/natsops-prod".to_owned(),
        names: vec!["nats.prod.internal".to_owned()],
    }
}

/// The longest names that there may be.
fn longest() -> Scope {
    Scope {
        environment: "abcdefghijklmnop".to_owned(),
        region: "ap-southeast-1".to_owned(),
        key_alias: format!("alias/{}", "k".repeat(64)),
        names: vec![format!("nats.{}", "n".repeat(63)), format!("other.{}", "o".repeat(63))],
        ..scope()
    }
}

fn node_name() -> crate::model::NodeName {
    "nats-1".parse().unwrap()
}

fn policies(scope: &Scope) -> [Policy; 4] {
    [plan(scope), apply(scope), operate(scope), node(scope, &node_name())]
}

fn actions(policy: &Policy) -> Vec<&str> {
    policy.statement.iter().flat_map(|statement| &statement.action.0).map(String::as_str).collect()
}

fn statement<'a>(policy: &'a Policy, sid: &str) -> &'a Statement {
    policy.statement.iter().find(|statement| statement.sid == sid).unwrap()
}

#[test]
fn each_fits_into_a_managed_policy() {
    for policy in policies(&longest()) {
        let size = serde_json::to_string(&policy).unwrap().chars().count();
        assert!(size <= LIMIT, "{size}: {:?}", policy.statement[0].sid);
    }
}

#[test]
fn who_plans_only_reads() {
    let policy = plan(&scope());
    for action in actions(&policy) {
        let (_, name) = action.split_once(':').unwrap();
        let reads = ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb));
        assert!(reads, "{action}");
    }
    assert!(!actions(&policy).contains(&"kms:Decrypt"));
    assert!(!actions(&policy).iter().any(|action| action.starts_with("ssm:Get")));
    let objects = "arn:aws:s3:::natsops-prod-123456789012-us-east-1";
    let reading =
        policy.statement.iter().filter(|s| s.action.0.contains(&"s3:GetObject".to_owned()));
    let objects_read: Vec<&str> = reading.flat_map(|s| &s.resource.0).map(String::as_str).collect();
    let public = ["index.json", "applied.json", "lease.json"];
    assert_eq!(objects_read, public.map(|name| format!("{objects}/{name}")));
}

#[test]
fn what_is_made_carries_the_tag_and_only_what_carries_it_changes() {
    let policy = apply(&scope());
    let tagged = |sid: &str, key: &str| {
        let condition = &statement(&policy, sid).condition["StringEquals"];
        assert_eq!(condition[key].0, ["prod"], "{sid}");
    };
    for sid in ["Create", "Tag", "TagLb", "NewKey"] {
        tagged(sid, "aws:RequestTag/natsops:environment");
    }
    for sid in ["Own", "OwnKey", "Grants"] {
        tagged(sid, "aws:ResourceTag/natsops:environment");
    }
    for tag in ["Tag", "TagLb"] {
        let only_in_a_call = statement(&policy, tag).condition["Null"].values().next().unwrap();
        assert_eq!(only_in_a_call.0, ["false"]);
    }
    // Whatever removes something asks for the tag, or for a name.
    for statement in &policy.statement {
        let removes =
            |action: &&String| action.contains(":Delete") || action.contains(":Terminate");
        for action in statement.action.0.iter().filter(removes) {
            let by_tag = statement
                .condition
                .get("StringEquals")
                .is_some_and(|keys| keys.contains_key("aws:ResourceTag/natsops:environment"));
            let by_name = statement.resource.0.iter().all(|arn| {
                arn.contains("natsops-prod")
                    || arn.contains("/natsops/prod/")
                    || arn.contains("default.")
            });
            assert!(by_tag || by_name || action == "route53:DeleteHostedZone", "{action}");
        }
    }
}

#[test]
fn who_applies_passes_roles_of_nodes_to_machines_alone() {
    let policy = apply(&scope());
    let pass = statement(&policy, "Pass");
    let role = "arn:aws:iam::123456789012:role/natsops/prod/natsops-prod-us-east-1-*";
    assert_eq!(pass.resource.0, [role]);
    assert_eq!(pass.condition["StringEquals"]["iam:PassedToService"].0, ["ec2.amazonaws.com"]);
    let elsewhere = policy.statement.iter().filter(|s| s.sid != "Pass");
    assert!(elsewhere.flat_map(|s| &s.action.0).all(|action| action != "iam:PassRole"));
}

#[test]
fn nobody_deletes_the_key_and_nobody_reads_credentials_back() {
    for policy in policies(&scope()) {
        let forbidden = ["kms:ScheduleKeyDeletion", "kms:DisableKey", "ssm:GetParameter"];
        for action in actions(&policy) {
            assert!(!forbidden.contains(&action), "{action}");
        }
    }
}

#[test]
fn who_operates_tells_only_machines_of_the_environment_and_only_by_known_documents() {
    let policy = operate(&scope());
    let machines = statement(&policy, "Machines");
    assert_eq!(machines.resource.0, ["arn:aws:ec2:us-east-1:123456789012:instance/*"]);
    let tag = &machines.condition["StringEquals"]["aws:ResourceTag/natsops:environment"];
    assert_eq!(tag.0, ["prod"]);
    let orders = |statement: &&Statement| {
        let actions = &statement.action.0;
        actions.iter().any(|action| action == "ssm:SendCommand" || action == "ssm:StartSession")
    };
    let places: Vec<&str> = policy.statement.iter().filter(orders).map(|one| one.sid).collect();
    assert_eq!(places, ["Documents", "Machines"]);
    let documents = &statement(&policy, "Documents").resource.0;
    assert!(documents.contains(&"arn:aws:ssm:us-east-1:*:document/AWS-RunShellScript".to_owned()));
    let forwarding = "arn:aws:ssm:us-east-1:*:document/AWS-StartPortForwardingSessionToRemoteHost";
    assert!(documents.contains(&forwarding.to_owned()), "{documents:?}");
    assert!(documents.iter().all(|document| !document.ends_with('*')), "{documents:?}");
    let changed = &statement(&policy, "Lease").resource.0;
    assert_eq!(changed, &["arn:aws:s3:::natsops-prod-123456789012-us-east-1/lease.json"]);
}

#[test]
fn only_records_of_our_zone_change() {
    let policy = apply(&scope());
    let names = &statement(&policy, "Records").condition["ForAllValues:StringLike"];
    let names = names.values().next().unwrap();
    assert_eq!(names.0, ["*.prod.internal"]);
    let nameless = Scope { names: vec![], ..scope() };
    assert!(!actions(&apply(&nameless)).contains(&"route53:ChangeResourceRecordSets"));
}

#[test]
fn a_node_reads_its_own_folder_and_no_other() {
    let policy = node(&scope(), &node_name());
    let bucket = "arn:aws:s3:::natsops-prod-123456789012-us-east-1";
    assert_eq!(statement(&policy, "OwnBundle").resource.0, [format!("{bucket}/nodes/nats-1/*")]);
    let unseal = &statement(&policy, "Unseal").condition;
    assert_eq!(unseal["StringEquals"]["kms:ViaService"].0, ["s3.us-east-1.amazonaws.com"]);
    assert_eq!(unseal["ForAnyValue:StringEquals"]["kms:ResourceAliases"].0, ["alias/natsops-prod"]);
    let first = ["s3:GetObject", "kms:Decrypt", "ssm:UpdateInstanceInformation"];
    assert_eq!(actions(&policy)[..3], first);
    assert_eq!(actions(&policy).len(), 7);
}

#[test]
fn other_parts_of_aws_have_names_of_their_own() {
    let china = Scope { region: "cn-north-1".to_owned(), ..scope() };
    let policy = node(&china, &node_name());
    assert!(statement(&policy, "OwnBundle").resource.0[0].starts_with("arn:aws-cn:s3:::"));
    let unseal = &statement(&policy, "Unseal").condition;
    assert_eq!(unseal["StringEquals"]["kms:ViaService"].0, ["s3.cn-north-1.amazonaws.com.cn"]);
    let government = Scope { region: "us-gov-west-1".to_owned(), ..scope() };
    assert!(plan(&government).statement[4].resource.0[0].starts_with("arn:aws-us-gov:iam::"));
}
