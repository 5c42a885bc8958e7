"""Policy documents of IAM: built from values, refused when they grant more than somebody wrote down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

VERSION = "2012-10-17"
Condition = dict[str, dict[str, str | list[str]]]


@dataclass(frozen=True)
class Statement:
    """One statement. `principals` is for documents on a resource or a role: {"Service": [...]} or {"AWS": [...]}."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    principals: dict[str, list[str]] = field(default_factory=dict)
    condition: Condition = field(default_factory=dict)
    effect: str = "Allow"


def build_document(*statements: Statement) -> str:
    """The document as JSON, the same text for the same statements. Raises ValueError for `*` as an action."""
    for statement in statements:
        if statement.effect == "Allow" and "*" in statement.actions:
            raise ValueError(f"statement {statement.sid} allows every action")
    return json.dumps({"Version": VERSION, "Statement": [_plain(statement) for statement in statements]})


def build_trust(service: str, account: str, source: str | None = None) -> str:
    """Who may take a role: one service, and only on behalf of this account (the confused deputy).

    `source`: a pattern of the ARN on whose behalf, where the service says so.
    """
    condition: Condition = {"StringEquals": {"aws:SourceAccount": account}}
    if source:
        condition["ArnLike"] = {"aws:SourceArn": source}
    return build_document(
        Statement("Assume", ("sts:AssumeRole",), principals={"Service": [service]}, condition=condition)
    )


def _plain(statement: Statement) -> dict[str, Any]:
    plain: dict[str, Any] = {"Sid": statement.sid, "Effect": statement.effect, "Action": list(statement.actions)}
    if statement.principals:
        plain["Principal"] = {"AWS": "*"} if statement.principals == {"AWS": ["*"]} else statement.principals
    if statement.resources:
        plain["Resource"] = list(statement.resources)
    if statement.condition:
        plain["Condition"] = statement.condition
    return plain
