"""Deliveries one by one: the list of a run, and why one person did or did not get it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString

from psycopg.rows import class_row

from herold.ledger.database import Connection, one

State = Literal["waiting", "deferred", "sent", "failed", "suppressed", "skipped", "uncertain"]
STATES: tuple[State, ...] = ("waiting", "deferred", "sent", "failed", "suppressed", "skipped", "uncertain")
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it stands: its newest attempt, or `waiting` before the first.

    `code`, `enhanced` and `detail` are what the server answered, or our own reason. `address` is there only when it
    was asked for, and the person still has one.
    """

    position: int
    contact_id: int
    lane: str
    zone: str | None
    state: State
    attempts: int
    at: datetime | None
    code: int | None
    enhanced: str | None
    detail: str | None
    address: str | None


_DELIVERIES = b"""
    SELECT d.position, d.contact_id, l.name AS lane, z.name AS zone, coalesce(o.kind::text, 'waiting') AS state,
           coalesce(o.attempt, 0)::integer AS attempts, o.at, o.code, o.enhanced, o.detail, e.address
    FROM delivery d
    JOIN lane l ON l.id = d.lane_id
    LEFT JOIN run_zone z ON z.run_id = d.run_id AND z.zone = d.zone
    LEFT JOIN LATERAL (SELECT * FROM outcome o WHERE o.run_id = d.run_id AND o.position = d.position
                       ORDER BY attempt DESC LIMIT 1) o ON true
    LEFT JOIN endpoint e ON %(addresses)s AND e.contact_id = d.contact_id AND e.address_hash = d.address_hash
    WHERE d.run_id = %(run)s AND d.position > %(after)s
      AND (%(state)s::text IS NULL OR coalesce(o.kind::text, 'waiting') = %(state)s)
    ORDER BY d.position LIMIT %(limit)s"""


def deliveries(
    connection: Connection,
    run_id: int,
    *,
    state: State | None = None,
    limit: int | None = None,
    addresses: bool = False,
    after: int = 0,
) -> Iterator[Delivery]:
    """A run's deliveries in order of position; rows are fetched as they are read, so memory stays constant.

    `after`: only those behind that position.
    """
    parameters = {"run": run_id, "state": state, "limit": limit, "addresses": addresses, "after": after}
    with connection.transaction(), connection.cursor("herold_deliveries", row_factory=class_row(Delivery)) as cursor:
        # Somebody may look at a page of it for a while.
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10min'")
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(_DELIVERIES, parameters)
        yield from cursor


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try and what came of it; `kind` as in the ledger (sent, failed, deferred, …)."""

    attempt: int
    kind: str
    at: datetime
    code: int | None
    enhanced: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a delivery that is not settled waits for. Instants are aware; what does not apply is None.

    `in_hand_since`: a worker has it in a window. `retry_at`: put off, or given back, until then. `lane_paused_until`
    and `pause_reason`: the route's fault. `warm_up_left`: messages that the sender may still send today (UTC).
    """

    in_hand_since: datetime | None
    retry_at: datetime | None
    due_at: datetime | None
    expires_at: datetime | None
    quiet_until: datetime | None
    start_by: datetime
    lane_paused_until: datetime | None
    pause_reason: str | None
    per_second: float
    warm_up_left: int | None
    held_domain: str | None
    regressed: str | None
    workers: int


@dataclass(frozen=True, slots=True)
class Frozen:
    """A delivery of the run: this person was in the audience when it froze."""

    position: int
    contact_id: int
    lane: str
    zone: str | None
    attempts: tuple[Attempt, ...]
    waiting: Waiting | None


def frozen_delivery(connection: Connection, run_id: int, contact_id: int) -> Frozen | None:
    """The delivery of a contact in a run; None when they were not in its audience."""
    row = connection.execute(
        """SELECT d.position, d.contact_id, l.name, z.name FROM delivery d JOIN lane l ON l.id = d.lane_id
           LEFT JOIN run_zone z ON z.run_id = d.run_id AND z.zone = d.zone
           WHERE d.run_id = %s AND d.contact_id = %s ORDER BY d.position LIMIT 1""",
        (run_id, contact_id),
    ).fetchone()
    if row is None:
        return None
    position = int(row[0])
    attempts = _attempts(connection, run_id, position)
    settled = bool(attempts) and attempts[-1].kind != "deferred"
    waiting = None if settled else _waiting(connection, run_id, position)
    return Frozen(position, int(row[1]), str(row[2]), row[3], attempts, waiting)


def _attempts(connection: Connection, run_id: int, position: int) -> tuple[Attempt, ...]:
    with connection.cursor(row_factory=class_row(Attempt)) as cursor:
        cursor.execute(
            """SELECT attempt, kind::text, at, code, enhanced, detail FROM outcome
               WHERE run_id = %s AND position = %s ORDER BY attempt""",
            (run_id, position),
        )
        return tuple(cursor.fetchall())


_WAITING: LiteralString = """
    SELECT (SELECT w.claimed_at FROM send_window w WHERE w.run_id = d.run_id AND d.position = ANY (w.positions)
            ORDER BY w.id DESC LIMIT 1) AS in_hand_since,
           (SELECT q.due_at FROM retry q WHERE q.run_id = d.run_id AND q.position = d.position
            AND q.held_by IS NULL) AS retry_at,
           z.due_at, z.expires_at,
           (SELECT upper(q) FROM unnest(z.quiet) q WHERE q @> now()) AS quiet_until,
           ru.start_by,
           CASE WHEN l.paused_until > now() THEN l.paused_until END AS lane_paused_until,
           CASE WHEN l.paused_until > now() THEN l.pause_reason END AS pause_reason,
           l.per_second::double precision,
           (SELECT greatest(0, allowed - used) FROM sender_day
            WHERE sender_id = l.sender_id AND day = (now() AT TIME ZONE 'UTC')::date) AS warm_up_left,
           (SELECT h.target || ': ' || h.reason FROM hold h JOIN endpoint e ON e.contact_id = d.contact_id
            WHERE h.scope = 'Domain' AND h.target = e.domain AND h.released_at IS NULL
              AND (h.expires_at IS NULL OR h.expires_at > now()) ORDER BY h.id LIMIT 1) AS held_domain,
           (SELECT regressed_why FROM installation WHERE regressed_at IS NOT NULL) AS regressed,
           (SELECT count(*) FROM worker WHERE ended_at IS NULL AND expires_at > now())::integer AS workers
    FROM delivery d
    JOIN run ru ON ru.id = d.run_id
    JOIN lane l ON l.id = d.lane_id
    LEFT JOIN run_zone z ON z.run_id = d.run_id AND z.zone = d.zone
    WHERE d.run_id = %s AND d.position = %s"""


def _waiting(connection: Connection, run_id: int, position: int) -> Waiting:
    with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        found = cursor.execute(_WAITING, (run_id, position)).fetchone()
    assert found is not None
    return found


@dataclass(frozen=True, slots=True)
class NotFrozen:
    """Somebody who was not in the audience, and what the campaign's own statement says of them today.

    `verdict` is a Reason; None with `matches`: today they would get it. `same_address`: who got the message at their
    address. `created_at`: since when the ledger knows the person. `erased_at`: the person is gone.
    """

    contact_id: int
    matches: bool
    verdict: str | None
    same_address: int | None
    seed: bool
    created_at: datetime
    erased_at: datetime | None


def not_frozen(connection: Connection, run_id: int, contact_id: int) -> NotFrozen:
    """Why a contact is not in a run's audience, as far as today's data tell."""
    from herold.audience.statement import audience_statement, tune
    from herold.ledger.runs import pinned

    seed, created_at, erased_at = one(
        connection, "SELECT seed, created_at, erased_at FROM contact WHERE id = %s", (contact_id,)
    )
    resolved = pinned(connection, run_id)
    row: tuple[object, ...] | None = None
    # A proof goes to seeds, and to no audience.
    if resolved.campaign.spec.mode != "Proof":
        statement = audience_statement(resolved)
        with connection.transaction():
            tune(connection)
            row = connection.execute(
                f"SELECT verdict FROM ({statement.sql}) a WHERE contact_id = %(herold_contact)s".encode(),  # noqa: S608
                {**statement.parameters, "herold_contact": contact_id},
            ).fetchone()
    same = connection.execute(
        """SELECT d.contact_id FROM endpoint e JOIN delivery d ON d.run_id = %s AND d.address_hash = e.address_hash
           WHERE e.contact_id = %s LIMIT 1""",
        (run_id, contact_id),
    ).fetchone()
    return NotFrozen(
        contact_id,
        row is not None,
        None if row is None or row[0] is None else str(row[0]),
        None if same is None else int(same[0]),
        seed,
        created_at,
        erased_at,
    )
