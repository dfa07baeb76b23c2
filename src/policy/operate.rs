//! Who operates machines tells them what `natsops-node` knows, and looks at them when nothing else answers.

use super::{Policy, Scope, Statement};

/// The tag that says whose environment a machine is.
const RESOURCE_TAG: &str = "aws:ResourceTag/natsops:environment";

/// The policy of who operates, besides that of who plans.
pub fn operate(scope: &Scope) -> Policy {
    Policy::new([documents(scope), machines(scope), commands(), sessions(scope), lease(scope)])
}

/// What may be run or opened: a right of its own, beside the one on the machine.
fn documents(scope: &Scope) -> Statement {
    let documents = [
        scope.document("AWS-RunShellScript"),
        scope.document("AWS-StartPortForwardingSessionToRemoteHost"),
        scope.arn("ssm", "document/SSM-SessionManagerRunShell"),
    ];
    Statement::new("Documents", documents).allow("ssm", "SendCommand StartSession")
}

fn machines(scope: &Scope) -> Statement {
    Statement::new("Machines", [scope.arn("ec2", "instance/*")])
        .allow("ssm", "SendCommand StartSession")
        .allow("ec2", "GetConsoleOutput")
        .when("StringEquals", RESOURCE_TAG, [&scope.environment])
}

/// Neither can be limited to single things.
fn commands() -> Statement {
    Statement::new("Commands", ["*".to_owned()]).allow("ssm", "GetCommandInvocation ListCommands")
}

/// One's own sessions, which AWS names after who has begun them.
fn sessions(scope: &Scope) -> Statement {
    let own = ["${aws:username}", "${aws:userid}"];
    let own = own.map(|who| scope.arn("ssm", &format!("session/{who}-*")));
    Statement::new("OwnSessions", own).allow("ssm", "TerminateSession")
}

/// Whoever changes a machine keeps others from changing another meanwhile.
fn lease(scope: &Scope) -> Statement {
    Statement::new("Lease", [scope.bucket("/lease.json")]).allow("s3", "DeleteObject PutObject")
}
