"""The settings of a whole stack inside a Kubernetes cluster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from herold_infra.kubernetes.images import Image
from herold_infra.settings import Settings

NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


class ImageSettings(Settings):
    """What the data services run."""

    postgres: Image
    redis: Image
    rabbitmq: Image


class VolumeSettings(Settings):
    """A folder of a node, which has a folder of our user's for each volume by its name."""

    folder: str = Field(pattern=r"^/")
    node: str = Field(pattern=NAME)


class MemberSettings(Settings):
    """How many members: one, or three of which any may be lost."""

    members: Literal[1, 3]


class PostgresSettings(MemberSettings):
    """`restore_until`: a moment with its zone, 2026-12-01 09:00:00+00. One without data is made from the backups."""

    restore_until: str | None = Field(
        default=None, pattern=r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:?\d\d)?$"
    )


class ArgoCdSettings(Settings):
    """`manifests`: a file on the machine where the program runs, rendered by whoever has Argo CD's own project."""

    manifests: str = Field(pattern=r"^/")


class StackSettings(Settings):
    """What `herold:stack` of a stack's file must say. `context`: the kubeconfig's; no other is touched."""

    platform: Literal["kubernetes"]
    environment: Literal["test"]
    context: str = Field(min_length=1)
    namespace: str = Field(pattern=NAME)
    images: ImageSettings
    volumes: VolumeSettings
    postgres: PostgresSettings
    redis: MemberSettings
    rabbitmq: MemberSettings
    argo_cd: ArgoCdSettings | None = None
