"""From the stack's file, `pulumi/stacks/Pulumi.<stack>.yaml`, to checked settings, and from them to the stack.

`platform` says which settings the rest are. Only that platform's SDK is imported: they are large.
"""

from __future__ import annotations

import importlib
from typing import Any

import pulumi
from pydantic import ValidationError

from herold_infra.settings import Settings, SettingsRefused, explain

# Each has `settings.StackSettings`, discriminated by its `platform`, and `stack.Stack`, which declares them.
PLATFORMS = {"aws": "herold_infra.aws", "kubernetes": "herold_infra.kubernetes"}


def read(raw: Any, source: str) -> Settings:
    """The settings of a stack's file. Raises SettingsRefused, naming all mistakes."""
    if raw is None:
        raise SettingsRefused(f"{source} has no `herold:stack`; nothing was made")
    platform = raw.get("platform") if isinstance(raw, dict) else None
    if platform not in PLATFORMS:
        raise SettingsRefused(f"{source}: platform: must be {' or '.join(PLATFORMS)}, not {platform}; nothing was made")
    model = importlib.import_module(f"{PLATFORMS[platform]}.settings").StackSettings
    try:
        settings = model.model_validate(raw)
    except ValidationError as error:
        raise explain(error, source) from None
    assert isinstance(settings, Settings)
    return settings


def declare_stack() -> None:
    """Declare the stack that runs. Raises pulumi.RunError, without a traceback, naming all mistakes."""
    source = f"pulumi/stacks/Pulumi.{pulumi.get_stack()}.yaml"
    try:
        declare(read(pulumi.Config().get_object("stack"), source))
    except SettingsRefused as error:
        raise pulumi.RunError(str(error)) from None


def declare(settings: Settings) -> dict[str, Any]:
    """Declare what the settings say. Gives what the stack exports."""
    platform = settings.model_dump(include={"platform"})["platform"]
    outputs: dict[str, Any] = importlib.import_module(f"{PLATFORMS[platform]}.stack").Stack(settings).outputs
    return outputs
