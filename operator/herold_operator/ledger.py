"""The ledger as the operator reads it (one look per tick, for all campaigns) and writes it (brakes, starts).

Statements run in threads of their own, each on a connection of its own, so that a freeze of a large audience holds up
nobody else.
"""

from __future__ import annotations

import asyncio
import queue
import select
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import class_row

from herold.errors import HeroldError, Temporary
from herold.ledger.database import Connection, check_schema, connect, one
from herold.ledger.fence import Fence, Mark, look
from herold.ledger.installation import check_owner, read_key
from herold.settings import Settings
from herold_operator.annotations import ACTOR
from herold_operator.mirror import Mirror
from herold_operator.tasks import TaskKey, TaskView
from herold_operator.vitals import Vitals, read_vitals

THREADS = 4
# Longer than a look may take: one answer of a server that hangs is waited for no longer.
ANSWER_SECONDS = 30.0
CALL_SECONDS = 600.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
OVERLAP = timedelta(seconds=60)
MARK_SECONDS = 5.0
# A little longer than the ledger keeps them.
TASKS_KEPT = timedelta(days=8)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunView:
    """One run with its counts."""

    id: int
    namespace: str
    name: str
    occurrence: int
    state: str
    suspended: bool
    stopped_at: datetime | None
    intent_digest: str
    created_at: datetime
    started_at: datetime | None
    closed_at: datetime | None
    start_by: datetime
    left_out: Mapping[str, int]
    planned: int
    sent: int
    deferred: int
    failed: int
    suppressed: int
    skipped: int
    uncertain: int
    waiting: int
    next_due_at: datetime | None
    sender: str

    @property
    def is_open(self) -> bool:
        """Whether anything of it may still happen."""
        return self.state == "Open"


@dataclass(frozen=True, slots=True)
class HoldView:
    """An active brake."""

    id: int
    scope: str
    target: str
    reason: str
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a sender's workers have to do now."""

    namespace: str
    name: str
    due: int
    chores: bool
    moving: tuple[int, ...] = ()  # runs of which something can be done now, so that their counts should change


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ledger itself."""

    now: datetime
    system: str
    timeline: int
    regressed: str | None
    accepted_at: datetime | None

    @property
    def accepted(self) -> int:
        """The same as the fence counts it: microseconds since 1970, 0 for never."""
        return 0 if self.accepted_at is None else (self.accepted_at - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look. `runs` by (namespace, name as the ledger has it, occurrence)."""

    ledger: LedgerState
    runs: Mapping[tuple[str, str, int], RunView]
    by_id: Mapping[int, RunView]
    holds: tuple[HoldView, ...]
    backlog: tuple[Backlog, ...]
    vitals: Vitals
    tasks: Mapping[TaskKey, TaskView]
    forgot: str | None = None  # why it must have gone backwards since it was mirrored

    def holds_on(self, namespace: str, name: str, sender: str | None) -> tuple[HoldView, ...]:
        """Brakes that hold this campaign."""
        return tuple(
            each
            for each in self.holds
            if each.scope == "Everything"
            or (each.scope == "Team" and each.target == namespace)
            or (each.scope == "Campaign" and each.target == f"{namespace}/{name}")
            or (each.scope == "Sender" and sender is not None and each.target == sender)
        )


def _sql(name: str) -> bytes:
    return (resources.files("herold_operator") / "sql" / f"{name}.sql").read_bytes()


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


class Ledger:
    """Connections to the ledger, used by a few threads. `session` is said on each new connection,
    `before` is called before each call, in its thread."""

    def __init__(
        self,
        settings: Settings,
        *,
        application: str = ACTOR,
        threads: int = THREADS,
        session: bytes = b"",
        before: Callable[[], None] | None = None,
        mirror: Mirror | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        if settings.database_url is None:
            raise HeroldError("the ledger's address is missing", hint="set HEROLD_DATABASE_URL")
        self._settings = settings
        self._url = settings.database_url
        self.key = read_key(settings)
        self._application = application
        self._answer_seconds = answer_seconds
        self._session = session
        self._before = before
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ledger")
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self.reader = Reader(mirror=mirror or Mirror())

    async def call(self, act: Callable[[Connection], T]) -> T:
        """Run `act` on a connection. Raises Temporary when the ledger does not answer, and what `act` raises."""
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.run_in_executor(self._threads, self._run, act), CALL_SECONDS)

    async def look(self) -> Snapshot:
        """One look at everything."""
        return await self.call(self.reader.look)

    def _run(self, act: Callable[[Connection], T]) -> T:
        connection = self._connection()
        if self._before is not None:
            self._before()
        try:
            result = act(connection)
        except psycopg.OperationalError as error:
            connection.close()
            raise Temporary(f"the ledger does not answer: {_plain(error)}") from None
        except psycopg.Error as error:
            connection.close()
            # Its text may quote values: the class and the code tell enough.
            raise HeroldError(f"the ledger refused: {type(error).__name__} {error.sqlstate or ''}".strip()) from None
        except BaseException:
            if connection.closed:
                raise Temporary("the ledger does not answer: the connection broke") from None
            self._idle.put(connection)
            raise
        self._idle.put(connection)
        return result

    def _connection(self) -> Connection:
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                break
            if not connection.closed and not _has_news(connection):
                return connection
            connection.close()
        try:
            connection = connect(self._url, application=self._application, answer_seconds=self._answer_seconds)
        except Temporary:
            raise Temporary("the ledger does not answer", hint="check HEROLD_DATABASE_URL") from None
        try:
            check_schema(connection)
            check_owner(connection, self._settings, self.key)
            if self._session:
                connection.execute(self._session)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Wait for what runs, and close."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()


def _has_news(connection: Connection) -> bool:
    """Whether its server said something that nobody asked for: that it went away, as a rule. Asks nothing."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _plain(error: psycopg.Error) -> str:
    """Its first line: what follows may quote values."""
    return str(error).partition("\n")[0][:200]


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
