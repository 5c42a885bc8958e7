"""Who did it: asked of the ledger when an Event is about to say that something was released or stopped."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from herold.ledger.database import Connection
from herold_operator.events import EventReason, Happening
from herold_operator.reasons import ConditionType

ATTRIBUTED = (EventReason.RELEASED, EventReason.STOPPING, EventReason.STOPPED)


def attribute(connection: Connection, happening: Happening, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """A sentence that names the actors of an ATTRIBUTED event, '' when the ledger knows none."""
    run = after.get("run")
    if happening.reason == EventReason.RELEASED:
        since = next(
            (each["lastTransitionTime"] for each in before["conditions"] if each["type"] == ConditionType.SUSPENDED),
            None,
        )
        return _released(connection, happening, run["id"] if run else None, since)
    return _stopped(connection, run["id"]) if run else ""


def _released(connection: Connection, happening: Happening, run: int | None, since: str | None) -> str:
    statement = (resources.files("herold_operator") / "sql" / "released.sql").read_bytes()
    values = {"namespace": happening.about[1], "name": happening.about[2], "run": run, "since": since}
    rows = connection.execute(statement, values).fetchall()
    return "; ".join(
        f"hold {row[0]} ({row[1]}) {'expired' if row[2] is None else f'released by {row[2]}'}" for row in rows
    )


def _stopped(connection: Connection, run: int) -> str:
    row = connection.execute(
        "SELECT actor, detail ->> 'reason' FROM audit WHERE action = 'Stop' AND target = %s ORDER BY id LIMIT 1",
        (f"run {run}",),
    ).fetchone()
    if row is None:
        return ""
    return f"Stopped by {row[0]}" + (f": {row[1]}." if row[1] else ".")
