//! IAM policies, held against AWS's own reference of actions, kinds of things and conditions.
//!
//! The reference comes with cfn-lint, which moto brings along. It gives for each action the kinds of things that it
//! can be limited to, and for each kind its ARNs and the conditions that it knows.

use std::collections::BTreeSet;
use std::path::PathBuf;

use regex_lite::Regex;
use serde_json::Value;

use crate::support::{Project, package};

/// The account of the shipped production.
const ACCOUNT: &str = "123456789012";

/// The policies of production, each with what it is for.
fn policies() -> Vec<(&'static str, Value)> {
    let project = Project::new();
    let print =
        |words: &[&str]| project.run(&[&["policy", "prod"], words].concat()).expect(0).json();
    vec![
        ("plan", print(&["plan"])),
        ("apply", print(&["apply"])),
        ("operate", print(&["operate"])),
        ("node", print(&["node", "--node", "nats-3"])),
    ]
}

/// AWS's reference, as cfn-lint has it.
fn reference() -> Value {
    let libraries = package().join(".tools/python/lib");
    let versions = std::fs::read_dir(&libraries).into_iter().flatten().filter_map(Result::ok);
    let inside = "site-packages/cfnlint/data/AdditionalSpecs/Policies.json";
    let mut files = versions.map(|version| version.path().join(inside));
    let file: Option<PathBuf> = files.find(|file| file.is_file());
    let file = file.expect("AWS's reference of actions is needed: run `.ci/tools tests`");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// A list; one text may stand for a list of one.
fn list(value: &Value) -> Vec<&str> {
    let several = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    value.as_str().into_iter().chain(several).collect()
}

/// Whether something of this kind can have an ARN that the pattern allows.
fn can_be(kind: &Value, pattern: &str) -> bool {
    // AWS's own documents are of no account.
    let pattern = &pattern.replace(":*:document/", &format!(":{ACCOUNT}:document/"));
    list(&kind["ARNFormats"]).into_iter().any(|format| {
        let (start, _) = format.split_once(".*").unwrap_or((format, ""));
        let start = start.replace("${Partition}", "aws").replace("${Region}", "us-east-1");
        let start = start.replace("${Account}", ACCOUNT);
        // `…:*:natsops-prod*` can be `…:user:` and what follows; `…:user:x` can't be `…:cluster:`.
        let named = start.ends_with(['/', ':']) && fits(pattern, &format!("{start}natsops-prod"));
        let fixed = pattern.split('*').next().unwrap();
        named || fixed.starts_with(&start) || (pattern.ends_with('*') && start.starts_with(fixed))
    })
}

/// Whether a text fits a pattern with stars.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<String> = pattern.split('*').map(literally).collect();
    Regex::new(&format!("^(?i){}$", pattern.join(".*"))).unwrap().is_match(text)
}

fn literally(text: &str) -> String {
    let escape = |c: char| if c.is_alphanumeric() { c.to_string() } else { format!("\\{c}") };
    text.chars().map(escape).collect()
}

/// The actions that a pattern allows, each with the kinds of things that it can be limited to.
fn actions<'a>(reference: &'a Value, pattern: &str) -> Vec<Vec<&'a Value>> {
    let (service, pattern) = pattern.split_once(':').unwrap();
    let known = &reference[service];
    let all = known["Actions"].as_object().unwrap().iter();
    let allowed = all.filter(|(name, _)| fits(pattern, name)).map(|(_, action)| {
        let kinds = list(&action["Resources"]).into_iter();
        kinds.map(|kind| &known["Resources"][kind]).collect()
    });
    let allowed: Vec<_> = allowed.collect();
    assert!(!allowed.is_empty(), "AWS knows no {service}:{pattern}");
    allowed
}

#[test]
fn aws_knows_every_action_and_each_has_something_to_act_on() {
    let reference = reference();
    for (who, policy) in policies() {
        for statement in policy["Statement"].as_array().unwrap() {
            let resources = list(&statement["Resource"]);
            let mut idle: Vec<&str> = resources.clone();
            for pattern in list(&statement["Action"]) {
                let actions = actions(&reference, pattern);
                let met = |resource: &&str| {
                    let mut kinds = actions.iter().flatten();
                    *resource == "*" || kinds.any(|kind| can_be(kind, resource))
                };
                assert!(
                    resources.iter().any(met),
                    "{who}: {pattern} acts on none of {resources:?}"
                );
                idle.retain(|resource| !met(resource));
            }
            assert_eq!(idle, Vec::<&str>::new(), "{who}: nothing acts on these");
        }
    }
}

#[test]
fn a_condition_on_tags_is_put_only_where_aws_looks_at_tags() {
    let reference = reference();
    for (who, policy) in policies() {
        for statement in policy["Statement"].as_array().unwrap() {
            let conditions = &statement["Condition"]["StringEquals"];
            if conditions["aws:ResourceTag/natsops:environment"].is_null() {
                continue;
            }
            let resources = list(&statement["Resource"]);
            let tagged = |kind: &&Value| {
                let ours = resources.iter().any(|resource| can_be(kind, resource));
                ours && list(&kind["ConditionKeys"]).contains(&"aws:ResourceTag/${TagKey}")
            };
            for pattern in list(&statement["Action"]) {
                let looks = actions(&reference, pattern).iter().flatten().any(tagged);
                assert!(looks, "{who}: {pattern} does not look at tags");
            }
        }
    }
}

#[test]
fn patterns_of_actions_stand_only_where_the_tag_limits_them() {
    for (who, policy) in policies() {
        for statement in policy["Statement"].as_array().unwrap() {
            let limit =
                &statement["Condition"]["StringEquals"]["aws:ResourceTag/natsops:environment"];
            for action in list(&statement["Action"]) {
                assert!(!action.contains('*') || limit == "prod", "{who}: {action}");
            }
        }
    }
}

/// Calls whose rights have other names than they have (S3's documentation of actions).
const OTHERWISE: [(&str, &str); 6] = [
    ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("ListObjectVersions", "ListBucketVersions"),
    ("ListObjectsV2", "ListBucket"),
    ("PutBucketEncryption", "PutEncryptionConfiguration"),
    ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
];

/// Calls that need no right, and one that nobody is given: deleting the key.
const APART: [&str; 2] = ["GetCallerIdentity", "ScheduleKeyDeletion"];

#[test]
fn every_call_that_the_provider_makes_is_allowed() {
    let folder = package().join("src/provider/aws");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let source: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let call = Regex::new(r#"\.of\("([A-Za-z0-9]+)"\)"#).unwrap();
    let policies = policies();
    let allowed: Vec<&str> = policies[..3]
        .iter()
        .flat_map(|(_, policy)| policy["Statement"].as_array().unwrap())
        .flat_map(|statement| list(&statement["Action"]))
        .filter_map(|action| action.split_once(':').map(|(_, name)| name))
        .collect();
    let calls: BTreeSet<&str> =
        call.captures_iter(&source).map(|found| found.get(1).unwrap().as_str()).collect();
    assert!(calls.len() > 100, "the calls of the provider are written in another way: {calls:?}");
    for call in calls {
        let right =
            OTHERWISE.iter().find(|(name, _)| *name == call).map_or(call, |(_, right)| right);
        let found = APART.contains(&call) || allowed.iter().any(|pattern| fits(pattern, right));
        assert!(found, "nobody may call {call}");
    }
}

#[test]
fn each_has_a_form_that_iam_takes() {
    let sid = Regex::new("^[A-Za-z0-9]+$").unwrap();
    for (who, policy) in policies() {
        assert_eq!(policy["Version"], "2012-10-17");
        let statements = policy["Statement"].as_array().unwrap();
        let mut sids: Vec<&str> = statements.iter().map(|s| s["Sid"].as_str().unwrap()).collect();
        assert!(sids.iter().all(|name| sid.is_match(name)), "{who}: {sids:?}");
        sids.sort_unstable();
        sids.dedup();
        assert_eq!(sids.len(), statements.len(), "{who}: a name stands twice");
        let size = policy.to_string().chars().count();
        assert!(size <= 6144, "{who} has {size} characters");
    }
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let project = Project::new();
    let apply = project.run(&["policy", "prod", "apply"]).expect(0);
    assert!(apply.stderr.contains("beside the policies of `plan`"), "{}", apply.stderr);
    let operate = project.run(&["policy", "prod", "operate"]).expect(0);
    assert!(operate.stderr.contains("beside the policy of `plan`"), "{}", operate.stderr);
    let local = project.run(&["policy", "local", "plan"]).expect(64);
    assert!(local.stderr.contains("`local` does not live on AWS"), "{}", local.stderr);
    project.run(&["policy", "prod", "node"]).expect(64);
    let node = project.run(&["policy", "prod", "node", "--node", "nats-9"]).expect(64);
    assert!(node.stderr.contains("there is no node `nats-9`"), "{}", node.stderr);
}
