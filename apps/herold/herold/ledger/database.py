"""Connections to the ledger, and its schema's version."""

from __future__ import annotations

from importlib import resources
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow

from herold.errors import HeroldError, Temporary

Connection = psycopg.Connection[TupleRow]
AsyncConnection = psycopg.AsyncConnection[TupleRow]

# One entry a version, in order; each names the files under sql/ that make it. Expand first, contract a version later.
MIGRATIONS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (1, "the ledger", ("schema.sql", "functions.sql")),
    (2, "tasks, and runs that are built side by side", ("tasks.sql", "months.sql")),
    (3, "brands, and what a worker may do", ("brands.sql", "workers.sql")),
    (4, "notices", ("notices.sql",)),
    (5, "marks: what was forgotten is noticed", ("marks.sql",)),
)
SCHEMA_VERSION = MIGRATIONS[-1][0]

# What a session must know: names resolve in our schema, nothing waits for ever.
_OPTIONS = (
    "-c search_path=herold -c timezone=UTC -c lock_timeout=10s -c statement_timeout=0 "
    "-c idle_in_transaction_session_timeout=60s -c client_min_messages=warning"
)


# A server whose processes hang answers nothing, while its kernel goes on acknowledging: only a deadline of our own ends
# that. Longer than a lock is waited for. Never a `statement_timeout`: with it a commit that waits for its standby would
# count as done, while here its outcome is unknown.
ANSWER_SECONDS = 12.0
_POLL_SECONDS = 0.1
# A machine that is gone is noticed by the kernel.
_NETWORK: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Unanswered(psycopg.OperationalError):
    """The ledger did not answer in time. The connection is closed; whether the statement was carried out is unknown."""


class _Patience(psycopg.Connection[TupleRow]):
    """`answer_seconds` is how long one answer is waited for; None: for ever."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = _POLL_SECONDS, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError as error:
            raise (_unanswered(self) if _is_overdue(self, error) else error) from None


class _AsyncPatience(psycopg.AsyncConnection[TupleRow]):
    """The same for a worker."""

    answer_seconds: float | None = None

    async def wait(self, gen: PQGen[RV], interval: float = _POLL_SECONDS, timeout: float | None = None) -> RV:
        try:
            return await super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError as error:
            raise (_unanswered(self) if _is_overdue(self, error) else error) from None


def _is_overdue(connection: _Patience | _AsyncPatience, error: psycopg.OperationalError) -> bool:
    """The server said nothing, and the connection is not broken either."""
    return error.sqlstate is None and connection.pgconn.status == psycopg.pq.ConnStatus.OK


def _unanswered(connection: _Patience | _AsyncPatience) -> Unanswered:
    connection.pgconn.finish()
    return Unanswered("the ledger did not answer in time")


def connect(
    url: str, *, application: str = "herold", autocommit: bool = True, answer_seconds: float | None = None
) -> Connection:
    """A connection for people's commands. Raises Temporary when the ledger does not answer; with `answer_seconds` each
    statement raises Unanswered when its answer takes longer."""
    try:
        made = _Patience.connect(url, autocommit=autocommit, options=_OPTIONS, application_name=application, **_NETWORK)
    except psycopg.OperationalError as error:
        raise Temporary(f"the ledger does not answer: {error}", hint="check HEROLD_DATABASE_URL") from None
    made.answer_seconds = answer_seconds
    return made


async def connect_async(url: str, *, application: str, answer_seconds: float = ANSWER_SECONDS) -> AsyncConnection:
    """A connection for a worker. Raises psycopg.OperationalError; the worker decides how long to go on trying. An
    answer that takes longer than `answer_seconds` is one too (Unanswered)."""
    made = await _AsyncPatience.connect(
        url,
        autocommit=True,
        options=_OPTIONS + " -c plan_cache_mode=force_generic_plan",
        application_name=application,
        prepare_threshold=0,
        target_session_attrs="read-write",  # one that was demoted, or still recovers, is no ledger
        **_NETWORK,
    )
    made.answer_seconds = answer_seconds
    return made


def migrate(connection: Connection) -> list[int]:
    """Bring the schema to this version, each step in one transaction. Returns the versions that were applied."""
    applied: list[int] = []
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('herold.migrate'))")
        present = _versions(connection)
        _refuse_unknown(present)
        for version, name, files in MIGRATIONS:
            if version in present:
                continue
            for file in files:
                connection.execute(_sql(file).encode())
            connection.execute("INSERT INTO herold.migration (version, name) VALUES (%s, %s)", (version, name))
            applied.append(version)
        connection.execute("SET search_path = herold")
    return applied


def check_schema(connection: Connection) -> None:
    """Raises HeroldError unless the ledger has exactly the versions that this program knows, or one newer."""
    present = _versions(connection)
    if SCHEMA_VERSION not in present:
        raise HeroldError(
            f"the ledger has schema version {max(present, default=0)}, this program needs {SCHEMA_VERSION}",
            hint="run: herold ledger migrate",
        )
    _refuse_unknown(present)


def _versions(connection: Connection) -> set[int]:
    if connection.execute("SELECT to_regclass('herold.migration')").fetchone() == (None,):
        return set()
    return {row[0] for row in connection.execute("SELECT version FROM herold.migration")}


def _refuse_unknown(present: set[int]) -> None:
    # N and N-1 run together: a schema one version ahead is known to be an expansion only.
    if present and max(present) > SCHEMA_VERSION + 1:
        raise HeroldError(
            f"the ledger has schema version {max(present)}, this program knows up to {SCHEMA_VERSION}",
            hint="upgrade this program",
        )


def _sql(file: str) -> str:
    return (resources.files("herold.ledger") / "sql" / file).read_text()


def one(connection: Connection, query: str, parameters: Any = ()) -> TupleRow:
    """The single row of a query that always has one."""
    row = connection.execute(query.encode() if isinstance(query, str) else query, parameters).fetchone()
    assert row is not None
    return row
