"""What must happen by itself: settle what can no longer go out, close what is done. One worker at a time does it."""

from __future__ import annotations

from herold.ledger.database import AsyncConnection


async def maintain(connection: AsyncConnection) -> list[int]:
    """Sweep, then close every run in which nothing waits. Ids of the runs that were closed.

    Another worker that is at it already is not waited for.
    """
    async with connection.transaction():
        row = await (
            await connection.execute("SELECT pg_try_advisory_xact_lock(hashtext('herold.maintain'))")
        ).fetchone()
        if row != (True,):
            return []
        await connection.execute("SELECT sweep(20)")
        done = await connection.execute(
            """SELECT id FROM run ru WHERE state = 'Open'
               AND NOT EXISTS (SELECT FROM run_zone z WHERE z.run_id = ru.id AND NOT z.exhausted)
               AND NOT EXISTS (SELECT FROM chunk WHERE run_id = ru.id)
               AND NOT EXISTS (SELECT FROM retry WHERE run_id = ru.id)
               AND NOT EXISTS (SELECT FROM send_window WHERE run_id = ru.id)"""
        )
        candidates = [row[0] for row in await done.fetchall()]
    closed = []
    for run_id in candidates:
        row = await (await connection.execute("SELECT close_run(%s)", (run_id,))).fetchone()
        if row == (True,):
            closed.append(run_id)
    return closed
