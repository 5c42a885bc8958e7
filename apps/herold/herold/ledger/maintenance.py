"""What must happen by itself: settle what can no longer go out, close what is done. One worker at a time does it."""

from __future__ import annotations

from herold.ledger.database import AsyncConnection


async def maintain(connection: AsyncConnection) -> list[int]:
    """Sweep, then close every run in which nothing waits. Ids of the runs that were closed.

    Another worker that is at it already is not waited for.
    """
    done = await connection.execute("SELECT worker_sweep()")
    candidates = [row[0] for row in await done.fetchall()]
    closed = []
    for run_id in candidates:
        row = await (await connection.execute("SELECT worker_close(%s)", (run_id,))).fetchone()
        if row == (True,):
            closed.append(run_id)
    return closed
