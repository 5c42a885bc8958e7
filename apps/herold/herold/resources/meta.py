"""What all resources share: the envelope, metadata, references, and how a rule of shape is stated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from herold.resources.scalars import Name

GROUP = "herold.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class Model(BaseModel):
    """Base of every part of a resource: camelCase outside, unknown fields refused, frozen."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )


def wrong(message: str, *at: str | int, fix: str | None = None) -> PydanticCustomError:
    """An error of a validator that says which field below it (by its outside name) is meant, and the fix."""
    return PydanticCustomError("herold", "{message}", {"message": message, "at": list(at), "fix": fix})


def refuse_twice(names: Iterable[str], *at: str, name: str = "") -> None:
    """Raise for the first of `names` (the entries of the list `at`) that an earlier one has already."""
    seen: set[str] = set()
    for index, each in enumerate(names):
        if each in seen:
            place: list[str | int] = [*at, index, name] if name else [*at, index]
            raise wrong(f"{each} stands here twice", *place, fix="remove or rename one of the two")
        seen.add(each)


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """(rule, message) pairs that the API server checks: the same shape that the validator beside it states."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def keyed_by(name: str) -> dict[str, Any]:
    """A list whose entries have different `name`s; the API server checks it, and merges by it."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [name]}


SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}

Scope = Literal["Namespace", "Shared"]


class Reference(Model):
    """A reference to another resource, in the team's namespace or in the shared one."""

    name: Name = Field(description="`metadata.name` of the resource that is meant.")
    scope: Scope = Field(
        default="Namespace",
        description="`Namespace`: it lies beside this resource. `Shared`: in the platform's shared namespace.",
    )


class SecretReference(Model):
    """A secret of the platform, mounted as a folder of that name."""

    name: Name = Field(description="Name of the secret.")


class Metadata(Model):
    """The part of Kubernetes object metadata that Herold reads."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, alias_generator=to_camel)

    name: Name = Field(description="Name, unique among resources of this kind in the namespace.")
    namespace: Name = Field(description="Namespace of the team, or the shared one.")
    labels: dict[str, str] = Field(default_factory=dict, description="For selecting; Herold gives them no meaning.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Notes; Herold gives them no meaning.")
    generation: int | None = Field(default=None, description="Counted by the API server; leave it out.")
    uid: str | None = Field(default=None, description="Given by the API server; leave it out.")


class Resource(Model):
    """One resource. Subclasses add `kind` and `spec`."""

    short_names: ClassVar[tuple[str, ...]] = ()
    plural: ClassVar[str] = ""
    # (column, type, JSON path) as `kubectl get` prints them, those of `wide` with `-o wide` only.
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    wide: ClassVar[tuple[str, ...]] = ()

    api_version: Literal["herold.dev/v1alpha1"] = Field(default="herold.dev/v1alpha1", description="Always this.")
    kind: str
    metadata: Metadata = Field(description="Name and namespace.")

    @property
    def key(self) -> Key:
        """(kind, namespace, name)."""
        return (self.kind, self.metadata.namespace, self.metadata.name)


Key = tuple[str, str, str]
