"""The worker's two statements: the intent (claim) and the receipt (record), usually both in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import TupleRow

from herold.ledger.database import AsyncConnection

WINDOW_LIMIT = 200

Kind = Literal["sent", "failed", "deferred", "uncertain", "returned"]
Status = Literal["Empty", "Pacing", "Paused", "Held", "WarmUp", "LeaseLost", "LedgerRegressed"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks for work, and in which lane."""

    worker: UUID
    epoch: int
    slot: int
    lane: int
    limit: int = WINDOW_LIMIT


@dataclass(frozen=True, slots=True)
class Window:
    """A committed intent: exactly these messages may now go out, none of them begun later than `open_ms` from now.

    The lists are of one length, one entry a message; `attributes` are JSON texts.
    """

    id: int
    run_id: int
    lane: int
    open_ms: int
    positions: list[int]
    attempts: list[int]
    contact_ids: list[int]
    addresses: list[str]
    locales: list[str | None]
    attributes: list[str]


@dataclass(frozen=True, slots=True)
class Nothing:
    """No window, why, and after how many milliseconds to ask again."""

    status: Status
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of every message of a window. `suppress` holds positions whose mailbox does not exist."""

    run_id: int
    window_id: int
    positions: Sequence[int]
    attempts: Sequence[int]
    kinds: Sequence[Kind]
    codes: Sequence[int | None]
    enhanced: Sequence[str | None]
    details: Sequence[str | None]
    suppress: Sequence[int] = ()


_RECORD = "%s::int, %s::bigint, %s::int[], %s::int2[], %s::text[], %s::int2[], %s::text[], %s::text[], %s::int[]"
_CLAIM = "%s::uuid, %s::bigint, %s::int2, %s::int, %s::int"
_COLUMNS = (
    "status, wait_ms, window_id, run_id, open_ms, positions, attempts, contact_ids, addresses, locales, attributes"
)
_RECORD_SQL = f"SELECT worker_record({_RECORD})"
_CLAIM_SQL = f"SELECT {_COLUMNS} FROM worker_claim({_CLAIM})"  # noqa: S608
_BOTH_SQL = f"SELECT {_COLUMNS} FROM worker_record_then_claim({_RECORD}, {_CLAIM})"  # noqa: S608


async def exchange(connection: AsyncConnection, receipt: Receipt | None, claim: Claim) -> Window | Nothing:
    """Record `receipt`, if there is one, and claim the next window, in one transaction.

    Raises psycopg.OperationalError when the outcome is unknown: record the receipt again (that changes nothing if it
    was recorded), and give back windows that one does not know (`own_windows`).
    """
    if receipt is None:
        cursor = await connection.execute(_CLAIM_SQL, _asked(claim), binary=True)
    else:
        cursor = await connection.execute(_BOTH_SQL, (*_told(receipt), *_asked(claim)), binary=True)
    row = await cursor.fetchone()
    assert row is not None
    return _window(row, claim)


async def record(connection: AsyncConnection, receipt: Receipt) -> bool:
    """Record what became of a window. False when the window was gone: taken over, or recorded before."""
    row = await (await connection.execute(_RECORD_SQL, _told(receipt))).fetchone()
    assert row is not None
    return bool(row[0])


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that is in the ledger."""

    id: int
    run_id: int
    slot: int
    positions: list[int]
    attempts: list[int]


async def own_windows(connection: AsyncConnection, worker: UUID, slot: int) -> list[OpenWindow]:
    """Windows of one slot of a worker that wait for their receipt."""
    rows = await connection.execute(
        "SELECT id, run_id, slot, positions, attempts FROM worker_windows(%s) WHERE slot = %s ORDER BY id",
        (worker, slot),
    )
    return [OpenWindow(*row) for row in await rows.fetchall()]


def _told(receipt: Receipt) -> tuple[Any, ...]:
    # Array literals by hand: a general adapter looks at the type of each of some 1,500 elements a window.
    return (
        receipt.run_id,
        receipt.window_id,
        _numbers(receipt.positions),
        _numbers(receipt.attempts),
        "{" + ",".join(receipt.kinds) + "}",
        _numbers(receipt.codes),
        _texts(receipt.enhanced),
        _texts(receipt.details),
        _numbers(receipt.suppress),
    )


def _numbers(values: Sequence[int | None]) -> str:
    """A PostgreSQL array literal of numbers."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _texts(values: Sequence[str | None]) -> str:
    """A PostgreSQL array literal of texts, each in quotes; backslashes and quotes are escaped."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _asked(claim: Claim) -> tuple[Any, ...]:
    return (claim.worker, claim.epoch, claim.slot, claim.lane, claim.limit)


def _window(row: TupleRow, claim: Claim) -> Window | Nothing:
    status, wait_ms, window_id, run_id, open_ms, *lists = row
    if status != "Claimed":
        return Nothing(status, wait_ms or 0)
    # Evidence has no place for more; nothing of such a window may be begun.
    assert len(lists[0]) <= claim.limit
    return Window(window_id, run_id, claim.lane, open_ms, *lists)
