"""Leases of workers: who may hold windows, and how what a dead one left is settled."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

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
    await connection.execute(
        "INSERT INTO worker (id, host, pid, expires_at) VALUES (%s, %s, %s, clock_timestamp() + %s * interval '1 s')",
        (worker, host, pid, TTL_SECONDS),
    )
    return 1


async def renew(connection: AsyncConnection, worker: UUID, epoch: int) -> bool:
    """Prolong the lease, also an expired one that nobody took. False: it was taken, and nothing more may be begun."""
    done = await connection.execute(
        """UPDATE worker SET expires_at = clock_timestamp() + %s * interval '1 s'
           WHERE id = %s AND epoch = %s AND ended_at IS NULL""",
        (TTL_SECONDS, worker, epoch),
    )
    return done.rowcount == 1


async def end(connection: AsyncConnection, worker: UUID, epoch: int) -> None:
    """The normal end: the worker holds no window any more."""
    await connection.execute(
        "UPDATE worker SET ended_at = clock_timestamp() WHERE id = %s AND epoch = %s AND ended_at IS NULL "
        "AND NOT EXISTS (SELECT FROM send_window WHERE worker_id = worker.id)",
        (worker, epoch),
    )


async def others(connection: AsyncConnection, worker: UUID) -> list[Lease]:
    """Leases of all other workers that have not ended, and of ended ones that left windows."""
    rows = await connection.execute(
        """SELECT id, epoch, expires_at::text || '/' || epoch, expires_at < clock_timestamp() FROM worker
           WHERE id <> %s
             AND (ended_at IS NULL OR EXISTS (SELECT FROM send_window w WHERE w.worker_id = worker.id))""",
        (worker,),
    )
    return [Lease(*row) for row in await rows.fetchall()]


async def take(connection: AsyncConnection, lease: Lease) -> list[OpenWindow] | None:
    """End another worker's lease, unless it was renewed meanwhile (None). Its windows, to be settled by the taker."""
    async with connection.transaction():
        done = await connection.execute(
            """UPDATE worker SET epoch = epoch + 1, ended_at = coalesce(ended_at, clock_timestamp())
               WHERE id = %s AND expires_at::text || '/' || epoch = %s""",
            (lease.worker, lease.version),
        )
        if done.rowcount == 0:
            return None
        rows = await connection.execute(
            "SELECT id, run_id, slot, positions, attempts FROM send_window WHERE worker_id = %s ORDER BY id",
            (lease.worker,),
        )
        return [OpenWindow(*row) for row in await rows.fetchall()]
