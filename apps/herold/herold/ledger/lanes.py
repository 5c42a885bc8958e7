"""Lanes as a person sees them: their pace, and whether the route's fault pauses them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from herold.errors import NotFound
from herold.ledger.database import Connection
from herold.ledger.runs import audit


@dataclass(frozen=True, slots=True)
class Lane:
    """A route and a group of recipients' domains. `domains` empty: all that no other lane of the sender names.

    `paused_until` is None when it sends; `faults` counts the route's faults in a row.
    """

    sender: str
    name: str
    domains: list[str]
    per_second: str
    paused_until: datetime | None
    pause_reason: str | None
    faults: int


def list_lanes(connection: Connection) -> list[Lane]:
    """Every lane of every sender, paused ones first."""
    with connection.cursor(row_factory=class_row(Lane)) as cursor:
        return cursor.execute(
            """SELECT s.namespace || '/' || s.name AS sender, l.name, l.domains,
                      trim_scale(l.per_second)::text AS per_second,
                      CASE WHEN l.paused_until > now() THEN l.paused_until END AS paused_until,
                      CASE WHEN l.paused_until > now() THEN l.pause_reason END AS pause_reason, l.faults
               FROM lane l JOIN sender s ON s.id = l.sender_id
               ORDER BY l.paused_until > now() DESC NULLS LAST, sender, l.name"""
        ).fetchall()


def resume_lanes(connection: Connection, sender_id: int, lane: str | None, *, actor: str) -> list[str]:
    """End the pauses of a sender's lanes, or of one of them; the names of those that were paused.

    A person says that the route works again: the next fault starts with the shortest pause. Raises NotFound for a lane
    that the sender does not have.
    """
    with connection.transaction():
        known = [row[0] for row in connection.execute("SELECT name FROM lane WHERE sender_id = %s", (sender_id,))]
        if lane is not None and lane not in known:
            raise NotFound(f"this sender has no lane {lane}", hint=f"it has: {', '.join(sorted(known))}")
        rows = connection.execute(
            """UPDATE lane SET paused_until = NULL, pause_reason = NULL, faults = 0
               WHERE sender_id = %s AND (%s::text IS NULL OR name = %s) AND paused_until > now() RETURNING name""",
            (sender_id, lane, lane),
        ).fetchall()
        resumed = sorted(row[0] for row in rows)
        if resumed:
            audit(connection, actor, "ResumeLane", f"sender {sender_id}", {"lanes": resumed})
    return resumed
