"""Notices: what a team is to be told of its campaigns, and what it has been told.

A notice is written in one transaction with what counts as told from then on, before anything says that it happened; it
is taken before it is posted, and settled after it was. Of one campaign the oldest that is not settled goes first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg.rows import class_row

from herold.ledger.database import Connection, one

End = Literal["Delivered", "Refused", "GivenUp"]
Facts = Mapping[str, Any]
# Whoever does not hear of it within a day does not need to any more.
GIVEN_UP_AFTER = "1 day"
KEPT = "7 days"
TOLD_KEPT = "90 days"
# However much waits for one team, the others are seen.
OF_EACH_AT_A_LOOK, MOST_AT_A_LOOK = 20, 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. `id` says what happened: the same each time that it is told. `body` is JSON, as it is sent."""

    id: str
    type: str
    body: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that is not settled, and is its campaign's oldest. `wait`: seconds until it is to be tried."""

    seq: int
    id: str
    namespace: str
    name: str
    type: str
    body: str
    attempts: int
    wait: float


@dataclass(frozen=True, slots=True)
class Outbox:
    """One look. `oldest`: seconds since the oldest was recorded, 0 when none waits; `given_up`: how many were now."""

    waiting: tuple[Waiting, ...]
    oldest: float
    given_up: tuple[tuple[str, str, str], ...]  # namespace, name, type


def read_told(connection: Connection) -> dict[tuple[str, str], Facts]:
    """What has been told, by (namespace, name)."""
    rows = connection.execute("SELECT namespace, name, facts FROM told").fetchall()
    return {(row[0], row[1]): row[2] for row in rows}


def put_notices(
    connection: Connection, namespace: str, name: str, before: Facts | None, after: Facts, notices: Sequence[Notice]
) -> bool:
    """Have them told, and let `after` count as told. False, and nothing is written, where what has been told is not
    `before` (None: nothing): somebody else tells, or an answer was lost. What has been written once is not again."""
    with connection.transaction():
        if before is None:
            done = connection.execute(
                "INSERT INTO told (namespace, name, facts) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (namespace, name, json.dumps(after)),
            )
        else:
            done = connection.execute(
                """UPDATE told SET facts = %s, changed_at = clock_timestamp()
                   WHERE (namespace, name) = (%s, %s) AND facts = %s""",
                (json.dumps(after), namespace, name, json.dumps(before)),
            )
        if done.rowcount == 0:
            return False
        for each in notices:
            connection.execute(
                "INSERT INTO notice (id, namespace, name, type, body) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (id) DO NOTHING",
                (each.id, namespace, name, each.type, each.body),
            )
    return True


def look_at_notices(connection: Connection, namespaces: Sequence[str] | None) -> Outbox:
    """What waits for receivers of these namespaces (None: of all), the next to be tried first. What nobody took for a
    day is given up, whoever it was for."""
    with connection.transaction():
        given_up = connection.execute(
            """UPDATE notice SET settled_at = clock_timestamp(), outcome = 'GivenUp'
               WHERE settled_at IS NULL AND recorded_at < clock_timestamp() - %s::interval
               RETURNING namespace, name, type""",
            (GIVEN_UP_AFTER,),
        ).fetchall()
        with connection.cursor(row_factory=class_row(Waiting)) as cursor:
            waiting = cursor.execute(
                """SELECT seq, id, namespace, name, type, body, attempts,
                          greatest(0, extract(epoch FROM next_try_at - clock_timestamp()))::float8 AS wait
                   FROM (SELECT *, row_number() OVER (PARTITION BY namespace ORDER BY next_try_at, seq) AS place
                         FROM (SELECT DISTINCT ON (namespace, name) * FROM notice
                               WHERE settled_at IS NULL AND (%(all)s OR namespace = ANY (%(namespaces)s))
                               ORDER BY namespace, name, seq) AS first) AS placed
                   WHERE place <= %(each)s ORDER BY place, next_try_at LIMIT %(most)s""",
                {
                    **{"all": namespaces is None, "namespaces": list(namespaces or ())},
                    **{"each": OF_EACH_AT_A_LOOK, "most": MOST_AT_A_LOOK},
                },
            ).fetchall()
        oldest = one(
            connection,
            "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8 "
            "FROM notice WHERE settled_at IS NULL",
        )[0]
    return Outbox(tuple(waiting), oldest, tuple((row[0], row[1], row[2]) for row in given_up))


def take_notice(connection: Connection, notice: Waiting, *, pause: float) -> bool:
    """Before it is posted: it is tried again in `pause` seconds unless it is settled by then. False: it is, or
    somebody else has taken it."""
    done = connection.execute(
        """UPDATE notice SET attempts = attempts + 1, next_try_at = clock_timestamp() + make_interval(secs => %s)
           WHERE seq = %s AND attempts = %s AND settled_at IS NULL""",
        (pause, notice.seq, notice.attempts),
    )
    return done.rowcount > 0


def postpone_notice(connection: Connection, notice: Waiting, *, pause: float) -> None:
    """Whoever is to get it asked for a longer pause, in seconds."""
    connection.execute(
        "UPDATE notice SET next_try_at = greatest(next_try_at, clock_timestamp() + make_interval(secs => %s)) "
        "WHERE seq = %s AND settled_at IS NULL",
        (pause, notice.seq),
    )


def settle_notice(connection: Connection, notice: Waiting, end: End) -> None:
    """The receipt."""
    connection.execute(
        "UPDATE notice SET settled_at = clock_timestamp(), outcome = %s WHERE seq = %s AND settled_at IS NULL",
        (end, notice.seq),
    )


def sweep_notices(connection: Connection, namespaces: Sequence[str] | None) -> None:
    """What is over goes after a week. What was told is forgotten where nobody listens any more, and after long."""
    with connection.transaction():
        connection.execute("DELETE FROM notice WHERE settled_at < clock_timestamp() - %s::interval", (KEPT,))
        connection.execute(
            """DELETE FROM told t WHERE changed_at < clock_timestamp() - %s::interval
               OR (NOT %s AND NOT namespace = ANY (%s) AND NOT EXISTS (
                   SELECT FROM notice n
                   WHERE (n.namespace, n.name) = (t.namespace, t.name) AND n.settled_at IS NULL))""",
            (TOLD_KEPT, namespaces is None, list(namespaces or ())),
        )
