"""Passwords of administrators: drawn once, in the state encrypted, in the cluster as a Secret; no workload's own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core

from herold_infra.drawing import draw
from herold_infra.kubernetes.component import Component, Data


@dataclass(frozen=True)
class Password:
    """`secret` is the name of the Secret, whose key `password` has the value; `value` is secret."""

    secret: str
    value: pulumi.Output[str]


def make_password(
    owner: Component,
    thing: str,
    *,
    after: list[pulumi.Resource],
    others: Mapping[str, pulumi.Output[str]] | None = None,
) -> Password:
    """The Secret `<thing>-administrator` with `password`, and what `others` adds to it under its own keys."""
    name = f"{thing}-administrator"
    value = draw(owner, owner.place.logical(name))
    make_secret(owner, name, thing, {"password": value, **(others or {})}, after=after)
    return Password(name, value)


def make_secret(
    owner: Component,
    name: str,
    thing: str,
    content: Mapping[str, pulumi.Output[str]],
    *,
    after: list[pulumi.Resource],
) -> core.v1.Secret:
    """A Secret of texts. As `data`, not `stringData`: server-side apply forgets whose the latter was."""
    manifest = {
        "metadata": owner.place.metadata(name, thing, Data.CREDENTIAL),
        "type": "Opaque",
        "data": {key: encode(text) for key, text in content.items()},
    }
    return owner.make(core.v1.Secret, manifest, opts=owner.kept(after=after))


def encode(text: pulumi.Output[str]) -> pulumi.Output[str]:
    """As `data` of a Secret wants it."""
    return text.apply(encode_plain)


def encode_plain(text: str) -> str:
    """The same of a text that is known."""
    return base64.b64encode(text.encode()).decode()
