"""What all resources share: the envelope, metadata and references."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from herold.resources.scalars import Name

GROUP = "herold.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class Model(BaseModel):
    """Base of every part of a resource: camelCase outside, unknown fields refused, frozen."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )


Scope = Literal["Namespace", "Shared"]


class Reference(Model):
    """A reference to another resource, in the team's namespace or in the shared one."""

    name: Name
    scope: Scope = Field(default="Namespace", description="`Shared` points to the platform's shared namespace.")


class SecretReference(Model):
    """A secret of the platform, mounted as a folder of that name."""

    name: Name


class Metadata(Model):
    """The part of Kubernetes object metadata that Herold reads."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, alias_generator=to_camel)

    name: Name
    namespace: Name
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    generation: int | None = None
    uid: str | None = None


class Resource(Model):
    """One resource. Subclasses add `kind` and `spec`."""

    short_names: ClassVar[tuple[str, ...]] = ()
    plural: ClassVar[str] = ""
    # (column, type, JSON path) as `kubectl get` prints them.
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    api_version: Literal["herold.dev/v1alpha1"] = "herold.dev/v1alpha1"
    kind: str
    metadata: Metadata

    @property
    def key(self) -> tuple[str, str, str]:
        """(kind, namespace, name)."""
        return (self.kind, self.metadata.namespace, self.metadata.name)


Names = Annotated[list[Name], Field(max_length=64)]
