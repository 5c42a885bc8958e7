"""Tasks: work that a process of its own does for whoever asked (a run's audience, a pre-flight).

The row is the intent and its outcome the receipt. Whoever does the work keeps an advisory lock meanwhile, never the
row's: a request that changes or goes away is written at once, and noticed before anything of the old one is committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

from herold.errors import NotFound, Refused, Temporary
from herold.ledger.database import Connection, one
from herold.ledger.intent import Identity, identity
from herold.resources.resolved import ResolvedCampaign

TaskKind = Literal["Build", "Preflight"]
Outcome = dict[str, Any]
KEPT = "7 days"


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is to be done. `turn` tells this request from those before and after it."""

    id: int
    kind: TaskKind
    turn: int
    resolved: ResolvedCampaign
    requested_by: str


class Overtaken(Exception):
    """The request was changed or taken back while it was worked on: nothing of it may be committed."""


def request_task(
    connection: Connection, kind: TaskKind, resolved: ResolvedCampaign, *, digest: str, actor: str
) -> tuple[int, int]:
    """Ask for the work: (id, turn). Nothing is written when the same is being asked for already.

    What was finished is asked for anew; another digest takes the place of the one before. Old ones are swept.
    """
    who = identity(resolved)
    with connection.transaction():
        connection.execute("DELETE FROM task WHERE finished_at < now() - %s::interval", (KEPT,))
        row = connection.execute(
            """INSERT INTO task AS t (kind, namespace, name, occurrence, digest, resolved, suspended, requested_by)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (kind, namespace, name, occurrence) DO UPDATE SET digest = excluded.digest,
                   resolved = excluded.resolved, suspended = excluded.suspended, requested_by = excluded.requested_by,
                   requested_at = clock_timestamp(), turn = t.turn + 1, started_at = NULL, finished_at = NULL,
                   outcome = CASE WHEN t.digest = excluded.digest THEN t.outcome END
               WHERE t.digest <> excluded.digest OR t.finished_at IS NOT NULL
               RETURNING id, turn""",
            (
                kind,
                *who,
                digest,
                json.dumps(resolved.to_json()),
                resolved.campaign.spec.suspend,
                actor,
            ),
        ).fetchone()
        if row is None:
            query = "SELECT id, turn FROM task WHERE (kind, namespace, name, occurrence) = (%s, %s, %s, %s)"
            row = one(connection, query, (kind, *who))
    return cast(tuple[int, int], row)


def withdraw_tasks(connection: Connection, namespace: str, name: str, kinds: tuple[TaskKind, ...]) -> int:
    """Nobody wants what has not been finished yet. How many requests were taken back."""
    return connection.execute(
        """UPDATE task SET finished_at = clock_timestamp(), resolved = NULL, outcome = '{"withdrawn": true}'
           WHERE (namespace, name) = (%s, %s) AND kind = ANY (%s) AND finished_at IS NULL""",
        (namespace, name, list(kinds)),
    ).rowcount


def suspend_task(connection: Connection, who: Identity, *, suspended: bool) -> bool:
    """The brake of the spec, for a run that is being built. False: it is not being built (any more)."""
    done = connection.execute(
        """UPDATE task SET suspended = %s WHERE (kind, namespace, name, occurrence) = ('Build', %s, %s, %s)
           AND finished_at IS NULL""",
        (suspended, *who),
    )
    return done.rowcount > 0


@contextmanager
def exclusively(connection: Connection, task_id: int) -> Iterator[None]:
    """Nobody else works on it meanwhile. Raises Temporary while somebody does; a process that is killed lets go."""
    lock = f"herold.task/{task_id}"
    # A statement whose process is gone ends, and does not work on for nobody with the locks in its hand.
    connection.execute("SET client_connection_check_interval = '2s'")
    if one(connection, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (lock,)) != (True,):
        raise Temporary(f"another process works on task {task_id}", hint="it is tried again")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (lock,))


def task_kind(connection: Connection, task_id: int) -> TaskKind:
    """Which work it is. Raises NotFound."""
    row = connection.execute("SELECT kind FROM task WHERE id = %s", (task_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no task {task_id}", hint="tasks are kept for a week after they were finished")
    return cast(TaskKind, row[0])


def take_task(connection: Connection, task_id: int, turn: int | None = None) -> Task | None:
    """Begin; None when nothing is left to do. `turn`: this one only."""
    row = connection.execute(
        """UPDATE task SET started_at = coalesce(started_at, clock_timestamp()) WHERE id = %s AND finished_at IS NULL
           AND turn = coalesce(%s, turn) RETURNING id, kind, turn, resolved, requested_by""",
        (task_id, turn),
    ).fetchone()
    if row is None:
        return None
    return Task(row[0], row[1], row[2], ResolvedCampaign.from_json(row[3]), row[4])


def finish_task(connection: Connection, task: Task, outcome: Outcome) -> None:
    """Write the receipt, in the transaction of the work itself. Raises Overtaken, and Temporary where something would
    start in a ledger that went backwards meanwhile; the caller's transaction must not be committed then."""
    row = connection.execute("SELECT turn, suspended, finished_at FROM task WHERE id = %s FOR UPDATE", (task.id,))
    found = row.fetchone()
    if found is None or found[0] != task.turn or found[2] is not None:
        raise Overtaken
    regressed = "SELECT FROM installation WHERE regressed_at IS NOT NULL"
    if task.kind == "Build" and connection.execute(regressed).fetchone() is not None:
        raise Temporary("the ledger went backwards: nothing starts until a person accepts it")
    if "run" in outcome:
        connection.execute(
            "UPDATE run SET suspended = %s WHERE id = %s AND suspended <> %s", (found[1], outcome["run"], found[1])
        )
    connection.execute(
        "UPDATE task SET finished_at = clock_timestamp(), resolved = NULL, outcome = %s WHERE id = %s",
        (json.dumps(outcome), task.id),
    )


def refusal(error: Refused) -> Outcome:
    """The receipt of a guard that said no."""
    message = error.message.removeprefix(f"{error.reason}: ")
    return {"refused": {"reason": error.reason, "message": message, "hint": error.hint}}
