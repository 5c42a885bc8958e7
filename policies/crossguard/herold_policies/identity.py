"""Rules for what identities may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from herold_policies.graph import Graph
from herold_policies.rule import Violation, cis, fsbp, gdpr, pci, rule

GRANTING = ("iam/policy:Policy", "iam/rolePolicy:RolePolicy", "iam/role:Role")
# Calls that AWS authorises without a resource: `*` is the only word that their statements can say.
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:DescribeNetworkInterfaces",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "secretsmanager:GetRandomPassword",
}


@rule(
    "No identity may do everything, or one thing to everything",
    pci("7.2.2"),
    cis("1.16"),
    fsbp("IAM.1"),
    gdpr("25(2)"),
    kinds=GRANTING,
)
def no_star(graph: Graph) -> Iterator[Violation]:
    """`*` in a document that grants, and documents that can't be read before they are applied."""
    for node in graph.of("iam/policy:Policy", "iam/rolePolicy:RolePolicy"):
        document = node.get("policy")
        if not isinstance(document, str):
            yield Violation(node, "its document is known only after it is applied; write the names out")
            continue
        for statement in statements_of(document):
            yield from (Violation(node, text) for text in _too_wide(statement))


@rule(
    "A role is taken only by whom it names",
    pci("7.2.5"),
    fsbp("IAM.1"),
    kinds=("iam/role:Role",),
)
def roles_name_their_bearers(graph: Graph) -> Iterator[Violation]:
    """A role that everybody may take, or a service on behalf of any account."""
    for role in graph.of("iam/role:Role"):
        document = role.get("assumeRolePolicy")
        if not isinstance(document, str):
            yield Violation(role, "its trust is known only after it is applied; write the names out")
            continue
        for statement in statements_of(document):
            principal = statement.get("Principal")
            if principal == "*" or (isinstance(principal, dict) and "*" in _list(principal.get("AWS"))):
                yield Violation(role, "may be taken by everybody")
        if role.get("inlinePolicies"):
            yield Violation(role, "has a policy inside; make it a resource of its own, where it is checked")


def statements_of(document: str) -> list[dict[str, Any]]:
    """The statements of a document; one alone may stand without a list."""
    statements = json.loads(document).get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _too_wide(statement: dict[str, Any]) -> Iterator[str]:
    if statement.get("Effect") != "Allow":
        return
    actions = _list(statement.get("Action"))
    for action in actions:
        if action == "*" or action.endswith(":*"):
            yield f"allows {action}; name the calls"
    if not actions:
        yield "allows all calls but some (NotAction); name the calls"
    if "NotResource" in statement:
        yield "allows all resources but some (NotResource); name the resources"
    if "*" in _list(statement.get("Resource")) and (wide := set(actions) - WITHOUT_RESOURCE):
        yield f"allows {', '.join(sorted(wide))} on every resource; name the resources"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
