"""The base of the components of a cluster, and the one convention for their names, labels and protection."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import pulumi

from herold_infra import component

OWNER = "herold"
Manifest = dict[str, Any]
R = TypeVar("R", bound=pulumi.Resource)


class Data(StrEnum):
    """Class of data, as in the clouds."""

    OPERATIONAL = "operational"  # logs, metrics, configuration: no personal data may be in it
    PERSONAL = "personal"  # contacts, consents, the ledger, what was sent to whom
    CREDENTIAL = "credential"  # secrets
    ARCHIVE = "archive"  # backups


@dataclass(frozen=True)
class Place:
    """One namespace of the cluster of one environment."""

    environment: str
    namespace: str

    def logical(self, thing: str) -> str:
        """The name within the stack."""
        return f"{self.namespace}-{thing}"

    def selector(self, thing: str) -> dict[str, str]:
        """What the pods of a thing are known by. Never changes: a StatefulSet can't follow."""
        return {"app.kubernetes.io/name": thing, "app.kubernetes.io/part-of": OWNER}

    def labels(self, thing: str, data: Data) -> dict[str, str]:
        """Labels of every object: what it is, who made it, whose data are in it."""
        return {
            **self.selector(thing),
            "app.kubernetes.io/managed-by": "pulumi",
            "herold.dev/environment": self.environment,
            "herold.dev/data": data.value,
        }

    def metadata(
        self, name: str, thing: str, data: Data, annotations: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Metadata of an object in the namespace, called `name`, that is part of a `thing`."""
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self.namespace,
            "labels": self.labels(thing, data),
        }
        return metadata | ({"annotations": dict(annotations)} if annotations else {})


class Component(component.Component):
    """A group of objects of one thing. `inside()` and `kept()` as in the clouds: kept is what holds data."""

    platform = "kubernetes"

    def __init__(self, kind: str, place: Place, thing: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(kind, place.logical(thing), opts)
        self.place = place

    def make(self, resource: Callable[..., R], manifest: Manifest, *, opts: pulumi.ResourceOptions) -> R:
        """An object from its manifest, as `build_*` gives it and `kubectl` would take it: `core.v1.Service`."""
        fields = {_snake(key): value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
        name = manifest["metadata"]["name"]
        return resource(self.place.logical(name) if "namespace" in manifest["metadata"] else name, **fields, opts=opts)


def _snake(key: str) -> str:
    """The SDK's name of a top-level field; below it takes Kubernetes' own names."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)
