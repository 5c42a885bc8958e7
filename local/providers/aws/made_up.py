"""Values that AWS would give once it made a resource: invented, the same each time, and of the right type."""

from __future__ import annotations

import collections.abc
import typing
import uuid
from typing import Any

from local.providers import wire
from local.providers.aws import shapes
from local.providers.wire import Properties

# What is made up must not look like something real: the account number of AWS's own examples.
ACCOUNT = "123456789012"
REGION = "eu-central-1"
DEPTH = 3


def value(kind: str, key: str, made: str, field: shapes.Field, depth: int = 0) -> Any:
    """A value for one output; None where AWS need not give one."""
    if key == "arn" or key.endswith("Arn"):
        return _arn(kind, made)
    if not (field.required or depth) or depth > DEPTH:
        return None
    for member in field.members:
        items = shapes.items_of(member)
        if items is not None:
            item = value(kind, key, made, shapes.Field(items, required=True), depth + 1)
            # Long enough for whoever takes a certain one of them.
            return [item] * 3 if item is not None else []
        if typing.get_origin(member) in (dict, collections.abc.Mapping):
            return {}
        if member is str:
            return f"{made}-{key}"
        if member in (int, float):
            return 1
        if member is bool:
            return False
        if isinstance(member, type) and (fields := shapes.fields_of(member)):
            found = {name: value(kind, name, made, inner, depth + 1) for name, inner in fields.items()}
            return {name: item for name, item in found.items() if item is not None}
    return None


def missing(kind: str, key: str, made: str, field: shapes.Field, given: Properties, *, preview: bool) -> Properties:
    """What an object lacks of what AWS would fill in; unknown in a preview."""
    for member in field.members:
        if isinstance(member, type) and (fields := shapes.fields_of(member)):
            lacking = {name: inner for name, inner in fields.items() if name not in given}
            if preview:
                return dict.fromkeys(lacking, wire.UNKNOWN)
            return {name: value(kind, name, made, inner, 1) for name, inner in lacking.items()}
    return {}


def _arn(kind: str, made: str) -> str:
    """Of the form that AWS's own patterns want where another resource takes it."""
    service, _, rest = kind.split(":")[1].partition("/")
    if service == "iam":
        return f"arn:aws:iam::{ACCOUNT}:{rest.lower()}/{made}"
    where = f"arn:aws:{service}:{REGION}:{ACCOUNT}"
    if service == "kms":
        return f"{where}:{rest.lower()}/{uuid.uuid5(uuid.NAMESPACE_OID, made)}"
    return f"{where}:{made}" if service in ("sqs", "sns") else f"{where}:{rest.lower()}/{made}"
