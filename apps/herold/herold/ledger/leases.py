"""Leases of workers: who may hold windows, and how what a dead one left is settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from herold.ledger.claims import OpenWindow
from herold.ledger.database import AsyncConnection

TTL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's lease as the ledger shows it. `version` changes with every renewal."""

    worker: UUID
    epoch: int
    version: str
    expired: bool


async def register(connection: AsyncConnection, worker: UUID, *, host: str, pid: int) -> int:
    """Begin a lease; its epoch."""
    row = await connection.execute("SELECT worker_begin(%s, %s, %s, %s)", (worker, host, pid, TTL_SECONDS))
    return int(await _value(row))


async def renew(connection: AsyncConnection, worker: UUID, epoch: int) -> bool:
    """Prolong the lease, also an expired one that nobody took. False: it was taken, and nothing more may be begun."""
    return bool(await _value(await connection.execute("SELECT worker_renew(%s, %s, %s)", (worker, epoch, TTL_SECONDS))))


async def end(connection: AsyncConnection, worker: UUID, epoch: int) -> bool:
    """The normal end: the worker holds no window any more. False when it does: somebody has to take it over."""
    return bool(await _value(await connection.execute("SELECT worker_end(%s, %s)", (worker, epoch))))


async def others(connection: AsyncConnection, worker: UUID) -> list[Lease]:
    """Leases of other workers that this one may take: not ended, or ended with windows left."""
    rows = await connection.execute("SELECT id, epoch, version, expired FROM worker_others(%s)", (worker,))
    return [Lease(*row) for row in await rows.fetchall()]


async def take(connection: AsyncConnection, lease: Lease) -> list[OpenWindow] | None:
    """End another worker's lease, unless it was renewed meanwhile (None). Its windows, to be settled by the taker."""
    async with connection.transaction():
        taken = await connection.execute("SELECT worker_take(%s, %s)", (lease.worker, lease.version))
        if not await _value(taken):
            return None
        rows = await connection.execute(
            "SELECT id, run_id, slot, positions, attempts FROM worker_windows(%s) ORDER BY id", (lease.worker,)
        )
        return [OpenWindow(*row) for row in await rows.fetchall()]


async def _value(cursor: AsyncCursor[TupleRow]) -> Any:
    row = await cursor.fetchone()
    assert row is not None
    return row[0]
