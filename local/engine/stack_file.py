"""A session's own copy of a stack's file: the checkout's, with other values in their places, and the engine's salt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SALT = "encryptionsalt:"


def lay_out(source: Path, copy: Path, values: Mapping[str, Any]) -> None:
    """Write the copy. `values` go over `herold:stack`; the salt, without which no secret is read, is kept."""
    kept = copy.read_text().splitlines(keepends=True) if copy.exists() else []
    text = source.read_text()
    if values:
        content = yaml.safe_load(text)
        content["config"]["herold:stack"] = _over(content["config"]["herold:stack"], values)
        text = yaml.safe_dump(content, sort_keys=False)
    write_whole(copy, text + "".join(line for line in kept if line.startswith(SALT)))


def write_whole(file: Path, text: str) -> None:
    """All of it or nothing, for its owner only."""
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    partial.rename(file)


def _over(settings: Any, values: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    under = settings if isinstance(settings, dict) else {}
    return {**under, **{key: _over(under.get(key), value) for key, value in values.items()}}
