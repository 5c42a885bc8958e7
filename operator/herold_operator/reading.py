"""Reading the ledger: everything in one look, and one run or task at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import class_row

from herold.ledger.database import Connection, one
from herold.ledger.fence import Fence, Mark, look
from herold_operator.annotations import ACTOR
from herold_operator.mirror import Mirror
from herold_operator.snapshot import Backlog, HoldView, LedgerState, RunView, Snapshot
from herold_operator.tasks import TaskKey, TaskView
from herold_operator.vitals import read_vitals

LONG_AGO = datetime.min.replace(tzinfo=UTC)
OVERLAP = timedelta(seconds=60)
MARK_SECONDS = 5.0
# A little longer than the ledger keeps them.
TASKS_KEPT = timedelta(days=8)


@dataclass(slots=True)
class Reader:
    """Keeps what it saw, and asks only for what may have changed. `mirror` remembers for the replicas to come."""

    mirror: Mirror = field(default_factory=Mirror)
    runs: dict[tuple[str, str, int], RunView] = field(default_factory=dict)
    known: int = 0
    since: datetime = LONG_AGO
    tasks: dict[TaskKey, TaskView] = field(default_factory=dict)
    tasks_since: datetime = LONG_AGO
    system: str = ""
    _who: UUID = field(default_factory=uuid4)
    _newest: int = 0
    _marks: int = 0
    _marked_at: float = -MARK_SECONDS

    def look(self, connection: Connection) -> Snapshot:
        """One consistent look at everything."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL statement_timeout = '20s'")
            with connection.cursor(row_factory=class_row(LedgerState)) as cursor:
                ledger = cursor.execute(_sql("ledger")).fetchone()
            assert ledger is not None
            fence, forgot = look(connection, self.mirror.fence)
            if ledger.system != self.system:  # another database: nothing that was seen holds
                self.runs, self.tasks, self.system = {}, {}, ledger.system
                self.known, self.since, self.tasks_since = 0, LONG_AGO, LONG_AGO
            with connection.cursor(row_factory=class_row(RunView)) as cursor:
                found = cursor.execute(_sql("runs"), {"known": self.known, "since": _earlier(self.since)}).fetchall()
            with connection.cursor(row_factory=class_row(HoldView)) as cursor:
                holds = tuple(cursor.execute(_sql("holds")).fetchall())
            with connection.cursor(row_factory=class_row(Backlog)) as cursor:
                backlog = tuple(cursor.execute(_sql("backlog")).fetchall())
            vitals = read_vitals(connection)
            with connection.cursor(row_factory=class_row(TaskView)) as cursor:
                tasks = cursor.execute(_sql("tasks"), {"since": _earlier(self.tasks_since)}).fetchall()
        if forgot is None and ledger.regressed is None:
            self._remember(connection, fence)
        self._keep_tasks(tasks, ledger.now)
        for run in found:
            self.runs[run.namespace, run.name, run.occurrence] = run
            self.known = max(self.known, run.id)
            if run.closed_at is not None:
                self.since = max(self.since, run.closed_at)
        present = {run.id for run in found}
        # A run that was open and is in no answer is no longer there: the ledger went backwards.
        for key in [key for key, run in self.runs.items() if run.is_open and run.id not in present]:
            del self.runs[key]
        return Snapshot(
            ledger,
            dict(self.runs),
            {run.id: run for run in self.runs.values()},
            holds,
            backlog,
            vitals,
            dict(self.tasks),
            forgot,
        )

    def _remember(self, connection: Connection, fence: Fence) -> None:
        """Mirror that we saw this, where anybody wrote anything since the last time; by a mark of our own: once it is
        acknowledged a standby has all that was committed before, whether anybody sends or not."""
        if time.monotonic() - self._marked_at < MARK_SECONDS:
            return
        newest = one(connection, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")[0]
        if newest != self._newest:
            self._newest = one(connection, "SELECT ledger_mark(%s)", (self._who,))[0] + 1
            self._marks += 1
            self.mirror.fence = replace(fence, mark=Mark(self._who, -2, self._marks))
        self._marked_at = time.monotonic()

    def _keep_tasks(self, found: list[TaskView], now: datetime) -> None:
        for task in found:
            self.tasks[task.key] = task
            if task.finished_at is not None:
                self.tasks_since = max(self.tasks_since, task.finished_at)
        present = {task.key for task in found}
        for key, task in list(self.tasks.items()):
            is_gone = task.is_pending and key not in present
            if is_gone or (task.finished_at is not None and now - task.finished_at > TASKS_KEPT):
                del self.tasks[key]


def _earlier(since: datetime) -> datetime:
    """Whoever commits later may have an earlier time."""
    return max(LONG_AGO + OVERLAP, since) - OVERLAP


def read_run(connection: Connection, run_id: int) -> RunView | None:
    """One run with its counts."""
    with connection.cursor(row_factory=class_row(RunView)) as cursor:
        return cursor.execute(_sql("run"), {"id": run_id}).fetchone()


def read_task(connection: Connection, task_id: int) -> TaskView:
    """One task that is there."""
    with connection.cursor(row_factory=class_row(TaskView)) as cursor:
        found = cursor.execute(_sql("task"), {"id": task_id}).fetchone()
    assert found is not None
    return found


def started_by_us(connection: Connection) -> set[int]:
    """Ids of open runs that an operator started: those whose campaigns it answers for."""
    rows: list[Any] = connection.execute(
        """SELECT DISTINCT (a.detail ->> 'run')::int FROM audit a JOIN run ru ON ru.id = (a.detail ->> 'run')::int
           WHERE a.action = 'StartRun' AND a.actor = %s AND ru.state = 'Open'""",
        (ACTOR,),
    ).fetchall()
    return {row[0] for row in rows}


def _sql(name: str) -> bytes:
    return (resources.files("herold_operator") / "sql" / f"{name}.sql").read_bytes()
