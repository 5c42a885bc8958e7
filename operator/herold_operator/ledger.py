"""Connections of the operator to the ledger: for a look per tick at all campaigns, and for what it writes.

Statements run in threads of their own, each on a connection of its own, so that a freeze of a large audience holds up
nobody else.
"""

from __future__ import annotations

import asyncio
import queue
import select
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg

from herold.errors import HeroldError, Temporary
from herold.ledger.database import Connection, check_schema, connect
from herold.ledger.installation import check_owner, read_key
from herold.settings import Settings
from herold_operator.annotations import ACTOR
from herold_operator.mirror import Mirror
from herold_operator.reading import Reader
from herold_operator.snapshot import Snapshot

THREADS = 4
# Longer than a look may take: one answer of a server that hangs is waited for no longer.
ANSWER_SECONDS = 30.0
CALL_SECONDS = 600.0
T = TypeVar("T")


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
