"""How fast a campaign goes, from its status: lately, while somebody watches, else on average since it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from herold.cli.progress import Rate
from herold_kubectl.confirming import settled

# Counts are written every 15 seconds while a campaign runs.
_LATELY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`seconds_left` is None where nothing moves, or nothing waits."""

    per_second: float
    basis: Literal["lately", "average"]
    seconds_left: float | None


@dataclass(slots=True)
class Pacer:
    """Looks at one status after the other."""

    _rate: Rate = field(default_factory=lambda: Rate(_LATELY_SECONDS))
    _looks: int = 0
    _last: str = ""

    def pace(self, status: Mapping[str, Any]) -> Pace | None:
        """None before anything went out, and when nothing does."""
        counts, run, ledger = status.get("counts"), status.get("run"), status.get("ledger")
        if status.get("state") != "Sending" or not (counts and run and ledger and run.get("startedTime")):
            return None
        done = settled(counts)
        at = datetime.fromisoformat(ledger["observedTime"])
        if ledger["observedTime"] != self._last:
            self._last = ledger["observedTime"]
            self._looks += 1
            lately = self._rate.add(at.timestamp(), done)
        else:
            lately = self._rate.latest()
        elapsed = (at - datetime.fromisoformat(run["startedTime"])).total_seconds()
        average = done / elapsed if elapsed > 0 else 0.0
        per_second = lately if self._looks > 1 else average
        left = counts["planned"] - done
        return Pace(
            per_second,
            "lately" if self._looks > 1 else "average",
            left / per_second if per_second > 0 and left > 0 else None,
        )
