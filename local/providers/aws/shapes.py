"""What the AWS SDK's own types say of a resource: names, types and which are required, down to nested keys.

Python's keyword arguments catch a wrong name at the top. A nested value may be a plain dict, which nothing checks
before AWS does: here it is held against the argument class of that place.
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import importlib
import keyword
import typing
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal

import pulumi
from local.providers import wire
from local.providers.server import Mistake

# What the SDK's quoted annotations name.
NAMES = {"Output": pulumi.Output, "T": typing.TypeVar("T")}


@dataclass(frozen=True)
class Field:
    """One property: its type without what Pulumi wraps around it, and whether it must be given."""

    members: tuple[Any, ...]
    required: bool


@functools.cache
def module_of(kind: str) -> Any:
    """The SDK's module of a type token: `aws:ec2/vpc:Vpc` is in `pulumi_aws.ec2`. Raises ImportError."""
    package = kind.split(":")[1].partition("/")[0]
    if package == "index":
        return importlib.import_module("pulumi_aws")
    return importlib.import_module(f"pulumi_aws.{package}_" if keyword.iskeyword(package) else f"pulumi_aws.{package}")


@functools.cache
def inputs_of(kind: str) -> dict[str, Field] | None:
    """The input properties of a resource; None where the SDK has no such resource."""
    try:
        resource = getattr(module_of(kind), kind.rpartition(":")[2])
    except (ImportError, AttributeError):
        return None
    # Beside the resource itself: elsewhere a nested type may have the same name, and then these have another one.
    beside = importlib.import_module(resource.__module__)
    name = resource.__name__
    found = [vars(beside)[key] for key in (f"{name}InitArgs", f"{name}Args") if key in vars(beside)]
    return fields_of(found[0]) if found else None


@functools.cache
def outputs_of(kind: str) -> dict[str, Field]:
    """The output properties of a resource of which the inputs are known."""
    return fields_of(getattr(module_of(kind), kind.rpartition(":")[2]))


@functools.cache
def fields_of(cls: type) -> dict[str, Field]:
    """The properties that a class of the SDK declares, by their names on the wire."""
    found = {}
    for name in dir(cls):
        getter = getattr(getattr(cls, name), "fget", None)
        wire_name = getattr(getter, "_pulumi_name", None)
        if getter is None or wire_name is None:
            continue
        hint = typing.get_type_hints(getter, localns=NAMES)["return"]
        if typing.get_origin(hint) is pulumi.Output:
            hint = typing.get_args(hint)[0]
        members = tuple(_members(hint))
        found[wire_name] = Field(tuple(m for m in members if m is not NoneType), NoneType not in members)
    return found


def _members(hint: Any) -> list[Any]:
    """What a value of this type may be, once Output and Awaitable, and the dict twins of classes, are taken away."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, UnionType):
        return [member for part in typing.get_args(hint) for member in _members(part)]
    if (
        origin in (collections.abc.Awaitable, pulumi.Output)
        or typing.is_typeddict(hint)
        or isinstance(hint, typing.ForwardRef)
    ):
        return []
    return [hint]


def items_of(member: Any) -> tuple[Any, ...] | None:
    """The types of a list's items; None for what is no list."""
    if typing.get_origin(member) not in (list, collections.abc.Sequence):
        return None
    return tuple(item for item in _members(typing.get_args(member)[0]) if item is not NoneType)


def find_mistakes(kind: str, inputs: wire.Properties) -> list[Mistake]:
    """All that is wrong with the inputs of a resource."""
    fields = inputs_of(kind)
    if fields is None:
        return [Mistake("", f"the AWS SDK has no resource {kind}")]
    return _in_object(fields, inputs, "")


def _in_object(fields: dict[str, Field], value: wire.Properties, path: str) -> list[Mistake]:
    mistakes = []
    for key in value:
        if key not in fields:
            known = ", ".join(sorted(fields))
            mistakes.append(Mistake(_join(path, key), f"unknown property; this place knows {known}"))
    for key, field in fields.items():
        if value.get(key) is None:
            if field.required:
                mistakes.append(Mistake(_join(path, key), "required, and missing"))
        else:
            mistakes += _in_value(field.members, value[key], _join(path, key))
    return mistakes


def _in_value(members: tuple[Any, ...], value: Any, path: str) -> list[Mistake]:
    """The mistakes against the member that fits best: none, if one fits."""
    if value == wire.UNKNOWN or wire.is_special(value) or not members:
        return []
    found = [_against(member, value, path) for member in members]
    return min(found, key=len)


def _against(member: Any, value: Any, path: str) -> list[Mistake]:
    origin, arguments = typing.get_origin(member), typing.get_args(member)
    if member is Any:
        return []
    if origin is Literal:
        return [] if value in arguments else [_wrong(path, " | ".join(map(repr, arguments)), value)]
    if (inner := items_of(member)) is not None:
        if not isinstance(value, list):
            return [_wrong(path, "a list", value)]
        return [m for number, item in enumerate(value) for m in _in_value(inner, item, f"{path}[{number}]")]
    if origin in (dict, collections.abc.Mapping):
        if not isinstance(value, dict):
            return [_wrong(path, "a map", value)]
        inner = tuple(_members(arguments[1]))
        return [m for key, item in value.items() for m in _in_value(inner, item, _join(path, key))]
    if isinstance(member, type):
        return _against_class(member, value, path)
    return []


def _against_class(member: type, value: Any, path: str) -> list[Mistake]:
    if issubclass(member, enum.Enum):
        allowed = [item.value for item in member]
        return [] if value in allowed else [_wrong(path, " | ".join(map(str, allowed)), value)]
    if member in (int, float):
        fits = isinstance(value, int if member is int else (int, float)) and not isinstance(value, bool)
        return [] if fits else [_wrong(path, "a whole number" if member is int else "a number", value)]
    if member in (str, bool):
        return [] if isinstance(value, member) else [_wrong(path, "text" if member is str else "true or false", value)]
    known: Any = member  # an argument class: hashable, which `type` alone does not say
    if fields := fields_of(known):
        return _in_object(fields, value, path) if isinstance(value, dict) else [_wrong(path, "an object", value)]
    return []


def _wrong(path: str, wanted: str, value: Any) -> Mistake:
    # The value itself may be a secret.
    return Mistake(path, f"must be {wanted}, not {type(value).__name__}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
