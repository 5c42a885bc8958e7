"""What all imports share: the file, the temporary tables, and the turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import psycopg

from herold.contacts.rejects import Reject, Rejects
from herold.errors import InvalidInput, Mistake, NotFound, Temporary
from herold.ledger.database import Connection

BATCH_ROWS = 50_000  # of one transaction
CHUNK_ROWS = 10_000  # in memory at a time

OnProgress = Callable[[int], None]


def silent(_: int) -> None:
    """Hears progress and says nothing."""


def sql(file: str) -> bytes:
    """A statement of this package."""
    return (resources.files("herold.contacts") / "sql" / file).read_bytes()


@contextmanager
def opened(path_or_stream: Path | BinaryIO, rejects: Path) -> Iterator[tuple[BinaryIO, str]]:
    """The stream to import and its name in mistakes."""
    if not isinstance(path_or_stream, Path):
        yield path_or_stream, getattr(path_or_stream, "name", None) or "input"
        return
    try:
        stream = path_or_stream.open("rb")
    except OSError as error:
        raise NotFound(f"{path_or_stream} cannot be read: {error.strerror}") from None
    with stream:
        if rejects.exists() and rejects.samefile(path_or_stream):
            raise InvalidInput([Mistake(str(rejects), 0, 0, "", "is the file to import", "name another rejects file")])
        yield stream, str(path_or_stream)


@contextmanager
def staging(connection: Connection, *tables: str) -> Iterator[None]:
    """Temporary tables that go whatever happens; a wait for another import that is too long is Temporary."""
    drop = f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{table}' for table in tables)}".encode()
    connection.execute(drop)
    try:
        yield
    except psycopg.errors.LockNotAvailable:
        raise Temporary("another import or erasure is at work on the same ledger", hint="try again later") from None
    finally:
        if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
            connection.execute(drop)


def take_turn(connection: Connection) -> None:
    """Imports and erasures take turns, transaction by transaction: none sees half of another."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('herold.contacts'))")


def begin_batch(connection: Connection) -> None:
    """Begin the transaction of one batch: its turn, and plans whose cost does not grow with the ledger.

    For 50,000 rows the planner would rather read the whole ledger than look them up; batch after batch that is the
    square of its size.
    """
    take_turn(connection)
    connection.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")


def copy_rows(connection: Connection, target: str, rows: list[tuple[Any, ...]]) -> None:
    """COPY rows into a table."""
    if not rows:
        return
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def stage_rows(
    connection: Connection,
    target: str,
    rows: Iterator[tuple[Any, ...] | Reject],
    rejected: Rejects,
    on_read: OnProgress,
) -> tuple[int, int]:
    """COPY the good rows, whose first field is their line, and write the others down; (rows read, last good line)."""
    read = last_line = 0
    while chunk := list(islice(rows, CHUNK_ROWS)):
        good = []
        for each in chunk:
            if isinstance(each, Reject):
                rejected.write(each)
            else:
                good.append(each)
        copy_rows(connection, target, good)
        last_line = good[-1][0] if good else last_line
        read += len(chunk)
        on_read(read)
    return read, last_line
