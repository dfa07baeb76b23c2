"""Users and user groups of ElastiCache."""

from __future__ import annotations

from typing import Any

import clock
from cache_store import arn, fault, page, store, tags
from rules import rule, tags_of
from wire import Call

# Every account has it; it belongs to no group until somebody puts it there.
DEFAULT = {"UserId": "default", "UserName": "default", "Status": "active", "Engine": "redis", "MinimumEngineVersion": "6.0",
           "AccessString": "on ~* +@all", "UserGroupIds": [], "Authentication": {"Type": "no-password"}}


def users(call: Call) -> dict[str, dict[str, Any]]:
    return {"default": {**DEFAULT, "ARN": arn(call, "user", "default")}, **store(call, "user")}


def user_of(call: Call) -> dict[str, Any]:
    found = store(call, "user").get(call.params["UserId"].lower())
    if found is None:
        raise fault("UserNotFoundFault", f"User {call.params['UserId']} not found.")
    return found


def shown(user: dict[str, Any]) -> dict[str, Any]:
    return {**user, "UserGroupIds": list(user["UserGroupIds"])}


def authentication(params: dict[str, Any]) -> dict[str, Any] | None:
    """A password, up to two of them, each 16 to 128 characters (B2.13); or none, said in so many words."""
    mode = params.get("AuthenticationMode", {})
    passwords = params.get("Passwords") or mode.get("Passwords") or []
    if params.get("NoPasswordRequired") or mode.get("Type") == "no-password-required":
        return {"Type": "no-password"}
    if mode.get("Type") == "iam":
        return {"Type": "iam"}
    if not passwords:
        return None
    if len(passwords) > 2 or len(set(passwords)) < len(passwords):
        raise fault("InvalidParameterValueException", "A user has at most two passwords, and they differ.")
    if any(not 16 <= len(one) <= 128 for one in passwords):
        raise fault("InvalidParameterValueException", "Passwords length must be between 16-128 characters.")
    return {"Type": "password", "PasswordCount": len(passwords)}


def check_access(words: str) -> None:
    if words.split(" ")[0] not in ("on", "off"):
        raise fault("InvalidParameterValueException", "The access string must begin with on or off.")


@rule("elasticache", "CreateUser")
def create_user(call: Call) -> dict[str, Any] | None:
    params, name = call.params, call.params["UserId"].lower()
    if name in users(call):
        raise fault("UserAlreadyExistsFault", f"User {name} already exists.")
    check_access(params["AccessString"])
    known = authentication(params)
    if known is None:
        raise fault("InvalidParameterCombinationException", "Passwords or NoPasswordRequired must be given.")
    user = {"UserId": name, "UserName": params["UserName"], "Status": "active", "Engine": params["Engine"].lower(), "MinimumEngineVersion": "6.0",
            "AccessString": params["AccessString"], "UserGroupIds": [], "Authentication": known, "ARN": arn(call, "user", name)}
    store(call, "user")[name] = user
    tags(call, user["ARN"]).update(tags_of(params.get("Tags")))
    call.world.keep("passwords")[name] = params.get("Passwords") or params.get("AuthenticationMode", {}).get("Passwords", [])
    return shown(user)


@rule("elasticache", "ModifyUser")
def modify_user(call: Call) -> dict[str, Any] | None:
    """A user changes for a while, and its passwords are replaced as a whole: two at once leave no gap."""
    user, params = user_of(call), call.params
    if user["Status"] != "active":
        raise fault("InvalidUserStateFault", f"User {user['UserId']} is not in the active state.")
    if params.get("AccessString"):
        check_access(params["AccessString"])
        user["AccessString"] = params["AccessString"]
    if params.get("AppendAccessString"):
        user["AccessString"] += " " + params["AppendAccessString"]
    if known := authentication(params):
        user["Authentication"] = known
        call.world.keep("passwords")[user["UserId"]] = params.get("Passwords") or params.get("AuthenticationMode", {}).get("Passwords", [])
    user["Status"] = "modifying"
    call.world.clock.later(clock.USER_GROUP_CHANGES, lambda: user.update(Status="active"))
    return shown(user)


@rule("elasticache", "DeleteUser")
def delete_user(call: Call) -> dict[str, Any] | None:
    """Deleting a user takes it out of its groups; a group never loses its default user."""
    user, groups = user_of(call), store(call, "user-group")
    if user["Status"] != "active":
        raise fault("InvalidUserStateFault", f"User {user['UserId']} is not in the active state.")
    if user["UserName"] == "default" and user["UserGroupIds"]:
        raise fault("DefaultUserAssociatedToUserGroupFault", "The default user is associated with a user group.")
    for name in user["UserGroupIds"]:
        groups[name]["UserIds"].remove(user["UserId"])
    user["UserGroupIds"], user["Status"] = [], "deleting"
    call.world.clock.later(clock.USER_GROUP_CHANGES, lambda: store(call, "user").pop(user["UserId"], None))
    return shown(user)


@rule("elasticache", "DescribeUsers")
def describe_users(call: Call) -> dict[str, Any] | None:
    known = users(call)
    if name := call.params.get("UserId"):
        if name.lower() not in known:
            raise fault("UserNotFoundFault", f"User {name} not found.")
        return {"Users": [shown(known[name.lower()])]}
    wanted = {one["Name"]: one["Values"] for one in call.params.get("Filters", [])}
    fields = {"user-id": "UserId", "user-name": "UserName", "user-status": "Status"}
    return page(call, "Users", [shown(one) for one in known.values() if all(one[fields[key]] in values for key, values in wanted.items())])


def group_of(call: Call) -> dict[str, Any]:
    found = store(call, "user-group").get(call.params["UserGroupId"].lower())
    if found is None:
        raise fault("UserGroupNotFoundFault", f"User group {call.params['UserGroupId']} not found.")
    return found


def shown_group(call: Call, group: dict[str, Any]) -> dict[str, Any]:
    using = [name for name, one in store(call, "replication-group").items() if group["UserGroupId"] in one["UserGroupIds"]]
    return {**group, "UserIds": list(group["UserIds"]), "ReplicationGroups": using}


def check_members(call: Call, members: list[str]) -> None:
    """B2.13: a user group needs a user named default; names are unique in it."""
    known = users(call)
    for member in members:
        if member not in known:
            raise fault("UserNotFoundFault", f"User {member} not found.")
    names = [known[member]["UserName"] for member in members]
    if len(set(names)) < len(names):
        raise fault("DuplicateUserNameFault", "User names are not unique in the group.")
    if "default" not in names:
        raise fault("DefaultUserRequired", "A user group must contain a user with the user name default.")


def enter(call: Call, group: dict[str, Any], members: list[str]) -> None:
    for name, user in store(call, "user").items():
        held = group["UserGroupId"] in user["UserGroupIds"]
        if name in members and not held:
            user["UserGroupIds"].append(group["UserGroupId"])
        if name not in members and held:
            user["UserGroupIds"].remove(group["UserGroupId"])
    group["UserIds"] = members


@rule("elasticache", "CreateUserGroup")
def create_group(call: Call) -> dict[str, Any] | None:
    params, name = call.params, call.params["UserGroupId"].lower()
    if name in store(call, "user-group"):
        raise fault("UserGroupAlreadyExistsFault", f"User Group {name} already exists.")
    members = [one.lower() for one in params.get("UserIds", [])]
    check_members(call, members)
    group: dict[str, Any] = {"UserGroupId": name, "Status": "creating", "Engine": params["Engine"].lower(), "MinimumEngineVersion": "6.0",
                             "UserIds": members, "ARN": arn(call, "usergroup", name)}
    store(call, "user-group")[name] = group
    enter(call, group, members)
    tags(call, group["ARN"]).update(tags_of(params.get("Tags")))
    call.world.clock.later(clock.USER_GROUP_CHANGES, lambda: group.update(Status="active"))
    return shown_group(call, group)


@rule("elasticache", "ModifyUserGroup")
def modify_group(call: Call) -> dict[str, Any] | None:
    group, params = group_of(call), call.params
    if group["Status"] != "active":
        raise fault("InvalidUserGroupStateFault", f"User group {group['UserGroupId']} is not in active state.")
    gone = [one.lower() for one in params.get("UserIdsToRemove", [])]
    members = [one for one in group["UserIds"] if one not in gone] + [one.lower() for one in params.get("UserIdsToAdd", []) if one.lower() not in group["UserIds"]]
    if members == group["UserIds"]:
        raise fault("InvalidParameterCombinationException", "Nothing is to be changed.")
    check_members(call, members)
    enter(call, group, members)
    group["Status"] = "modifying"
    call.world.clock.later(clock.USER_GROUP_CHANGES, lambda: group.update(Status="active"))
    return shown_group(call, group)


@rule("elasticache", "DeleteUserGroup")
def delete_group(call: Call) -> dict[str, Any] | None:
    """A group that a cache uses stays (B4: replication group -> user group -> users)."""
    group = group_of(call)
    if group["Status"] != "active" or shown_group(call, group)["ReplicationGroups"]:
        raise fault("InvalidUserGroupStateFault", f"User group {group['UserGroupId']} is associated with a replication group or is not active.")
    answer = shown_group(call, group) | {"Status": "deleting"}
    enter(call, group, [])
    group["Status"] = "deleting"
    call.world.clock.later(clock.USER_GROUP_CHANGES, lambda: store(call, "user-group").pop(group["UserGroupId"], None))
    return answer


@rule("elasticache", "DescribeUserGroups")
def describe_groups(call: Call) -> dict[str, Any] | None:
    if call.params.get("UserGroupId"):
        return {"UserGroups": [shown_group(call, group_of(call))]}
    return page(call, "UserGroups", [shown_group(call, one) for one in store(call, "user-group").values()])
