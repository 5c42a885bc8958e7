"""Where two values differ, in the engine's own notation of paths."""

from __future__ import annotations

import json
from typing import Any

from local.providers.wire import Properties


def compare(old: Any, new: Any, path: str = "") -> dict[str, str]:
    """Paths that differ (`spec.ports[0].port`), each with `add`, `delete` or `update`."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, str] = {}
        for key in sorted(old.keys() | new.keys()):
            found |= _compare_item(old, new, key, _join(path, key))
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        found = {}
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            found |= compare(one, other, f"{path}[{number}]")
        return found
    return {} if old == new else {path: "update"}


def _compare_item(old: Properties, new: Properties, key: str, path: str) -> dict[str, str]:
    if key not in old:
        return {path: "add"}
    if key not in new:
        return {path: "delete"}
    return compare(old[key], new[key], path)


def _join(path: str, key: str) -> str:
    plain = key.replace("_", "a").replace("-", "a").isalnum()
    if plain:
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"
