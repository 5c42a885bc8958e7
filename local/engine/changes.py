"""What the engine's own log of events says: which resource it would change, or has changed, and where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What leaves everything as it is.
NOTHING = ("same", "refresh", "read", "read-replacement", "read-discard", "discard")
STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Change:
    """One resource: `operation` is the engine's word for it, `paths` what differs (never a value)."""

    operation: str
    urn: str
    paths: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Its type token."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """Its name within the stack."""
        return self.urn.rpartition("::")[2]

    def __str__(self) -> str:
        where = f": {', '.join(self.paths)}" if self.paths else ""
        return f"{self.operation} {self.kind.rpartition(':')[2]} {self.name}{where}"


def brief(changes: Sequence[Change], most: int = 12) -> list[str]:
    """One line each; of more than `most` how many of which operation."""
    if len(changes) <= most:
        return [str(change) for change in changes]
    return [
        ", ".join(f"{operation} {count}" for operation, count in Counter(each.operation for each in changes).items())
    ]


def read_changes(log: Path) -> tuple[Change, ...]:
    """All changes of a log, in their order, each once. A line that was cut off by a kill says nothing."""
    found: dict[tuple[str, str], Change] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        for name in ("resourcePreEvent", "resOutputsEvent"):
            told = (event.get(name) or {}).get("metadata")
            if told and (change := _change(told)):
                found.setdefault((change.operation, change.urn), change)
    return tuple(found.values())


def _change(told: Mapping[str, Any]) -> Change | None:
    if told["op"] in NOTHING or told["type"] == STACK or told["type"].startswith("pulumi:providers:"):
        return None
    paths = sorted(told.get("detailedDiff") or told.get("diffs") or ())
    return Change(told["op"], told["urn"], tuple(paths))
