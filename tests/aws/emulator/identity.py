"""IAM: names without regard to case, one role for a profile, and some seconds until EC2 knows of it."""

from __future__ import annotations

from typing import Any

import clock
from policies import is_denied, unknown_principals
from rules import modelled, rule
from wire import Call


@rule("iam", "CreateRole", "CreateInstanceProfile")
def create(call: Call) -> dict[str, Any] | None:
    """B1: account-global, case-insensitive."""
    iam, params = call.world.backend("iam"), call.params
    name = params.get("RoleName") or params["InstanceProfileName"]
    held = iam.roles.values() if call.operation == "CreateRole" else iam.instance_profiles.values()
    if any(one.name.lower() == name.lower() for one in held):
        kind = "Role" if call.operation == "CreateRole" else "Instance Profile"
        raise modelled("iam", "EntityAlreadyExistsException", f"{kind} with name {name} already exists.")
    if call.operation == "CreateRole":
        check_trust(call, params["AssumeRolePolicyDocument"])
    call.forward()
    if call.operation == "CreateInstanceProfile":
        # B2.9: EC2 does not know a fresh profile for about 10 s.
        call.world.keep("profiles known at")[name] = call.world.clock.now() + clock.PROFILE_KNOWN
    return None


@rule("iam", "UpdateAssumeRolePolicy")
def update_trust(call: Call) -> dict[str, Any] | None:
    check_trust(call, call.params["PolicyDocument"])
    call.forward()
    return None


def check_trust(call: Call, text: str) -> None:
    try:
        unknown = unknown_principals(call.world, text)
    except ValueError as error:
        raise modelled("iam", "MalformedPolicyDocumentException", f"This policy contains invalid Json: {error}") from None
    if unknown:
        raise modelled("iam", "MalformedPolicyDocumentException", f"Invalid principal in policy: \"AWS\":\"{unknown[0]}\"")


@rule("iam", "AddRoleToInstanceProfile")
def add_role(call: Call) -> dict[str, Any] | None:
    """Exactly one role; EC2 does not see it at once either."""
    name = call.params["InstanceProfileName"]
    profile = call.world.backend("iam").get_instance_profile(name)
    if profile.roles:
        raise modelled("iam", "LimitExceededException", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
    call.forward()
    call.world.keep("profile roles known at")[name] = call.world.clock.now() + clock.PROFILE_KNOWN
    return None


@rule("iam", "PutRolePolicy")
def put_role_policy(call: Call) -> dict[str, Any] | None:
    """All inline policies of a role together have 10,240 characters, white space not counted."""
    role = call.world.backend("iam").get_role(call.params["RoleName"])
    texts = {**role.policies, call.params["PolicyName"]: call.params["PolicyDocument"]}
    if sum(len("".join(text.split())) for text in texts.values()) > 10240:
        raise modelled("iam", "LimitExceededException", f"Maximum policy size of 10240 bytes exceeded for role {role.name}")
    call.forward()
    return None


@rule("iam", "SimulatePrincipalPolicy")
def simulate(call: Call) -> dict[str, Any] | None:
    """Everything is allowed but what a test has taken away."""
    params, results = call.params, []
    for action in params["ActionNames"]:
        for resource in params.get("ResourceArns", ["*"]):
            decision = "implicitDeny" if is_denied(call.world, action) else "allowed"
            results.append({"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision, "MatchedStatements": [], "MissingContextValues": []})
    return {"EvaluationResults": results, "IsTruncated": False}
