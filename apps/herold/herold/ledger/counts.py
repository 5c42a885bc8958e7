"""What a run has come to. Status, command line and report are views of these counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from herold.ledger.database import Connection


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run. `waiting` is what has no final outcome yet, `deferred` those of them that a server put off."""

    run_id: int
    namespace: str
    name: str
    occurrence: int
    state: str
    suspended: bool
    stopped_at: datetime | None
    holds: list[str]
    planned: int
    sent: int
    failed: int
    suppressed: int
    skipped: int
    uncertain: int
    deferred: int
    waiting: int
    next_due_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    closed_at: datetime | None
    left_out: dict[str, int]

    @property
    def summary(self) -> str:
        """One word for a column."""
        if self.state == "Closed":
            return "Stopped" if self.stopped_at else "Completed"
        if self.stopped_at:
            return "Stopping"
        if self.holds:
            return "Held"
        if self.suspended:
            return "Suspended"
        return "Sending" if self.started_at else "Armed"


_STATUS = b"""
    SELECT ru.id AS run_id, ru.namespace, ru.name, ru.occurrence, ru.state, ru.suspended, ru.stopped_at,
           ARRAY(SELECT h.scope || ': ' || h.reason FROM hold h
                 WHERE h.released_at IS NULL AND (h.expires_at IS NULL OR h.expires_at > now()) AND ru.state = 'Open'
                   AND (h.scope = 'Everything' OR h.scope = 'Team' AND h.target = ru.namespace
                        OR h.scope = 'Sender' AND h.target = s.namespace || '/' || s.name
                        OR h.scope = 'Campaign' AND h.target = ru.namespace || '/' || ru.name)
                 ORDER BY h.id) AS holds,
           c.planned, c.sent, c.failed, c.suppressed, c.skipped, c.uncertain, c.deferred, c.waiting,
           (SELECT min(z.due_at) FROM run_zone z WHERE z.run_id = ru.id AND NOT z.exhausted) AS next_due_at,
           ru.created_at, ru.started_at, ru.closed_at, ru.left_out
    FROM run ru JOIN run_counts c ON c.run_id = ru.id JOIN sender s ON s.id = ru.sender_id
    WHERE (%(ids)s::int[] IS NULL OR ru.id = ANY (%(ids)s))
    ORDER BY ru.id DESC LIMIT %(limit)s"""


def run_status(connection: Connection, run_ids: list[int] | None = None, *, limit: int = 100) -> list[RunStatus]:
    """Runs by id, or the newest `limit` ones, newest first; one query for all of them."""
    with connection.cursor(row_factory=class_row(RunStatus)) as cursor:
        return cursor.execute(_STATUS, {"ids": run_ids, "limit": limit}).fetchall()
