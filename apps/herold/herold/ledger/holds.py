"""Holds: brakes as ledger rows, checked at every claim. They work with everything else down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from herold.errors import NotFound
from herold.ledger.database import AsyncConnection, Connection, one

HoldScope = Literal["Everything", "Team", "Sender", "Domain", "Campaign"]


@dataclass(frozen=True, slots=True)
class Hold:
    """A brake. `target`: '' | namespace | namespace/sender | domain | namespace/campaign."""

    id: int
    scope: HoldScope
    target: str
    reason: str
    actor: str
    created_at: datetime
    expires_at: datetime | None


def hold(
    connection: Connection, scope: HoldScope, target: str, *, reason: str, actor: str, lasts: timedelta | None = None
) -> int:
    """Hold until released or expired. Returns the hold's id."""
    return int(
        one(
            connection,
            """INSERT INTO hold (scope, target, reason, actor, expires_at)
               VALUES (%s, %s, %s, %s, now() + %s) RETURNING id""",
            (scope, target.lower() if scope == "Domain" else target, reason, actor, lasts),
        )[0]
    )


def hold_once(connection: Connection, scope: HoldScope, target: str, *, reason: str, actor: str) -> int:
    """The same, unless this actor holds it for this reason already: then the id of that hold. Safe when several try."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"herold.hold {scope} {target}",))
        found = connection.execute(
            """SELECT id FROM hold WHERE released_at IS NULL AND expires_at IS NULL
               AND (scope, target, reason, actor) = (%s, %s, %s, %s) ORDER BY id LIMIT 1""",
            (scope, target, reason, actor),
        ).fetchone()
        return int(found[0]) if found is not None else hold(connection, scope, target, reason=reason, actor=actor)


def release(connection: Connection, hold_id: int, *, actor: str) -> None:
    """End a hold. Raises NotFound when it is not active."""
    done = connection.execute(
        "UPDATE hold SET released_at = now(), released_by = %s WHERE id = %s AND released_at IS NULL", (actor, hold_id)
    )
    if done.rowcount == 0:
        raise NotFound(f"no active hold has the id {hold_id}", hint="see: herold hold list")


def active_holds(connection: Connection) -> list[Hold]:
    """What is held now, oldest first."""
    rows = connection.execute(
        """SELECT id, scope, target, reason, actor, created_at, expires_at FROM hold
           WHERE released_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY id"""
    )
    return [Hold(*row) for row in rows]


async def hold_run(connection: AsyncConnection, run_id: int, *, reason: str) -> None:
    """Hold a run's campaign by itself, until a person releases it; once for the same reason."""
    await connection.execute("SELECT worker_hold_run(%s, %s)", (run_id, reason))
