"""The settings of a whole stack inside a Kubernetes cluster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from herold_infra.settings import Settings

NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


class StackSettings(Settings):
    """What `herold:stack` of a stack's file must say. `context`: the kubeconfig's; no other is touched."""

    platform: Literal["kubernetes"]
    environment: Literal["test"]
    context: str = Field(min_length=1)
    namespace: str = Field(pattern=NAME)
