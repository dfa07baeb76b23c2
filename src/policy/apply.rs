//! Who applies makes things with the environment's tag, and changes and removes only what carries it.
//!
//! Attached beside the policy of who plans, which is not repeated here: together they would exceed what one policy
//! may have. Nothing here lets the key be deleted.

use super::{List, Policy, Scope, Statement};

/// The tag that says whose environment a thing is.
const REQUEST_TAG: &str = "aws:RequestTag/natsops:environment";
/// The same tag of something that exists.
const RESOURCE_TAG: &str = "aws:ResourceTag/natsops:environment";

/// What may be done with the key's content.
const KEY_USE: &str = "Decrypt Encrypt GenerateDataKey* ReEncrypt*";

/// The policy of who applies, besides that of who plans.
pub fn apply(scope: &Scope) -> Policy {
    let mut statements = vec![
        create(scope),
        place(scope),
        tag_at_creation(scope, "Tag", "ec2", "CreateTags"),
        tag_at_creation(scope, "TagLb", "elasticloadbalancing", "AddTags"),
        change(scope),
        cache_parts(scope),
        roles(scope),
        pass_role(scope),
        service_roles(scope),
        anywhere(),
        create_key(scope),
        alias(scope),
        own_key(scope),
        grants(scope),
        bucket(scope),
        parameters(scope),
        zones(scope),
    ];
    statements.extend(records(scope));
    Policy::new(statements)
}

/// What comes to be must carry the environment's tag from its first moment.
fn create(scope: &Scope) -> Statement {
    let services = ["ec2", "elasticloadbalancing"].map(|service| scope.arn(service, "*"));
    let resources = services.into_iter().chain([cache(scope), scope.access()]);
    Statement::new("Create", resources)
        .allow(
            "ec2",
            "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateNetworkInterface CreateSecurityGroup \
             CreateVolume RunInstances",
        )
        .allow("elasticloadbalancing", "CreateLoadBalancer CreateTargetGroup")
        .allow(
            "elasticache",
            "AddTagsToResource CreateCacheSubnetGroup CreateReplicationGroup CreateUser CreateUserGroup",
        )
        .allow("iam", "CreateInstanceProfile CreateRole TagInstanceProfile TagRole")
        .when("StringEquals", REQUEST_TAG, [&scope.environment])
}

/// What is made stands in the network and comes from an image, which are not ours.
fn place(scope: &Scope) -> Statement {
    let [subnets, vpcs] = ["subnet/*", "vpc/*"].map(|kind| scope.arn("ec2", kind));
    Statement::new("Place", [subnets, vpcs, scope.images()])
        .allow("ec2", "CreateNetworkInterface CreateSecurityGroup RunInstances")
}

/// Tagging belongs to making. Whoever could tag anything could make anything theirs.
fn tag_at_creation(scope: &Scope, sid: &'static str, service: &str, action: &str) -> Statement {
    Statement::new(sid, [scope.arn(service, "*")])
        .allow(service, action)
        .when("StringEquals", REQUEST_TAG, [&scope.environment])
        // There is a call that makes something: this is not one by itself.
        .when("Null", &format!("{service}:CreateAction"), ["false"])
}

/// What carries the tag may be used, changed and removed: who may remove a thing needs no list of smaller verbs.
fn change(scope: &Scope) -> Statement {
    let services = ["ec2", "elasticache", "elasticloadbalancing"];
    Statement::new("Own", services.map(|service| scope.arn(service, "*")))
        .allow("ec2", "*IamInstanceProfile* *Instances *NetworkInterface* *SecurityGroup* *Tags *Volume ModifyInstance*")
        .allow("elasticache", "*ReplicaCount Delete* Modify*")
        .allow("elasticloadbalancing", "*Tags *Targets CreateListener Delete* Modify* Set*")
        .when("StringEquals", RESOURCE_TAG, [&scope.environment])
}

/// The cache's things of every kind, by their names.
fn cache(scope: &Scope) -> String {
    scope.arn("elasticache", &format!("*:{}*", scope.stem()))
}

/// What a call about the cache names beside the thing that it makes or changes: those carry no tag of the request.
fn cache_parts(scope: &Scope) -> Statement {
    let defaults = scope.arn("elasticache", "parametergroup:default.*");
    Statement::new("Cache", [cache(scope), defaults]).allow(
        "elasticache",
        "CreateReplicationGroup CreateSnapshot CreateUserGroup DeleteReplicationGroup ModifyReplicationGroup \
         ModifyUserGroup",
    )
}

/// Roles of nodes, by their names: not every call of IAM looks at tags.
fn roles(scope: &Scope) -> Statement {
    Statement::new("Roles", [scope.access()]).allow(
        "iam",
        "AddRoleToInstanceProfile DeleteInstanceProfile DeleteRole DeleteRolePolicy DetachRolePolicy GetInstanceProfile \
         PutRolePolicy RemoveRoleFromInstanceProfile UpdateAssumeRolePolicy UpdateRole",
    )
}

fn pass_role(scope: &Scope) -> Statement {
    Statement::new("Pass", [scope.roles()]).allow("iam", "PassRole").when(
        "StringEquals",
        "iam:PassedToService",
        ["ec2.amazonaws.com"],
    )
}

/// The first load balancer and the first cache of an account make a role for their service.
fn service_roles(scope: &Scope) -> Statement {
    let role = scope.global_arn("iam", &scope.account, "role/aws-service-role/*");
    Statement::new("Linked", [role]).allow("iam", "CreateServiceLinkedRole").when(
        "StringEquals",
        "iam:AWSServiceName",
        ["elasticache.amazonaws.com", "elasticloadbalancing.amazonaws.com"],
    )
}

/// What can't be limited to single things: a zone has no tags, and a key that lost its alias is looked for among all.
fn anywhere() -> Statement {
    Statement::new("Any", ["*".to_owned()])
        .allow("kms", "DescribeKey ListKeys")
        .allow("route53", "CreateHostedZone")
}

fn create_key(scope: &Scope) -> Statement {
    Statement::new("NewKey", ["*".to_owned()]).allow("kms", "CreateKey TagResource").when(
        "StringEquals",
        REQUEST_TAG,
        [&scope.environment],
    )
}

/// An alias is a right of its own, beside the one on its key.
fn alias(scope: &Scope) -> Statement {
    Statement::new("Alias", [scope.arn("kms", &scope.key_alias)]).allow("kms", "CreateAlias")
}

/// By the tag, since an alias may take five minutes until a policy knows it, and a first apply needs the key at once.
fn own_key(scope: &Scope) -> Statement {
    Statement::new("OwnKey", [scope.keys()])
        .allow("kms", KEY_USE)
        .allow(
            "kms",
            "CancelKeyDeletion CreateAlias EnableKey EnableKeyRotation GetKeyPolicy GetKeyRotationStatus \
             ListResourceTags PutKeyPolicy RotateKeyOnDemand",
        )
        .when("StringEquals", RESOURCE_TAG, [&scope.environment])
}

/// Volumes and the cache go on using the key by grants, which only services of AWS may be given.
fn grants(scope: &Scope) -> Statement {
    Statement::new("Grants", [scope.keys()])
        .allow("kms", "CreateGrant")
        .when("Bool", "kms:GrantIsForAWSResource", ["true"])
        .when("StringEquals", RESOURCE_TAG, [&scope.environment])
}

fn bucket(scope: &Scope) -> Statement {
    Statement::new("Bucket", ["", "/*"].map(|inside| scope.bucket(inside))).allow(
        "s3",
        "CreateBucket DeleteBucket DeleteObject DeleteObjectVersion GetObject ListBucketVersions PutBucketPolicy \
         PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning PutEncryptionConfiguration PutObject \
         TagResource",
    )
}

/// Written and removed; they are never read back.
fn parameters(scope: &Scope) -> Statement {
    Statement::new("Params", [scope.parameters()])
        .allow("ssm", "AddTagsToResource DeleteParameter PutParameter")
}

/// A zone goes only when it is empty, and its records are limited below.
fn zones(scope: &Scope) -> Statement {
    Statement::new("Zones", [scope.global_arn("route53", "", "*")])
        .allow("route53", "ChangeTagsForResource DeleteHostedZone GetChange")
}

/// Only records of the names that clients use. Without names there is none that may change.
fn records(scope: &Scope) -> Option<Statement> {
    const NAMES: &str = "route53:ChangeResourceRecordSetsNormalizedRecordNames";
    let zones = scope.zones().into_iter();
    let names: Vec<String> = zones.map(|zone| format!("*.{zone}")).collect();
    if names.is_empty() {
        return None;
    }
    let zones = scope.global_arn("route53", "", "hostedzone/*");
    let mut statement =
        Statement::new("Records", [zones]).allow("route53", "ChangeResourceRecordSets");
    // An empty list would satisfy a condition on all values; the call always names a record.
    let condition = statement.condition.entry("ForAllValues:StringLike").or_default();
    condition.insert(NAMES.to_owned(), List(names));
    Some(statement)
}
