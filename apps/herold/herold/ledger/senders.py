"""Senders and lanes as the ledger knows them: rates, retries and warm-up follow the SenderProfile at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import LiteralString

from herold.errors import Refused
from herold.ledger.database import AsyncConnection, Connection, one
from herold.resources.scalars import parse_date, parse_duration, parse_rate
from herold.resources.sender import SenderProfile

DEFAULT_LANE = "default"
_SENDER: LiteralString = "SELECT id FROM sender WHERE (namespace, name) = (%(namespace)s, %(name)s)"


def sync_sender(connection: Connection, sender: SenderProfile) -> tuple[int, list[int]]:
    """Write the profile; (sender id, lane ids), the default lane first, then in the order of `limits.lanes`.

    A lane that the profile no longer names stays, so that deliveries that wait in it go out at the default rate.
    Nothing is written where nothing changed. Raises Refused (BrandChanged, SenderOfAnotherBrand).
    """
    spec = sender.spec
    values = {
        "namespace": sender.metadata.namespace,
        "name": sender.metadata.name,
        "spec": json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=True),
        "most": spec.retry.max_attempts,
        "first": parse_duration(spec.retry.first_delay),
        "longest": parse_duration(spec.retry.max_delay),
    }
    _check_brand(connection, sender)
    connection.execute(
        """UPDATE sender SET (spec, max_attempts, first_delay, max_delay) = (%(spec)s, %(most)s, %(first)s, %(longest)s)
           WHERE (namespace, name) = (%(namespace)s, %(name)s) AND (spec, max_attempts, first_delay, max_delay)
               IS DISTINCT FROM (%(spec)s::jsonb, %(most)s::smallint, %(first)s::interval, %(longest)s::interval)""",
        values,
    )
    row = connection.execute(_SENDER, values).fetchone()
    if row is None:
        # Only when it is missing: ON CONFLICT takes a number each time, and there are but 32,767.
        connection.execute(
            """INSERT INTO sender (namespace, name, spec, max_attempts, first_delay, max_delay)
               VALUES (%(namespace)s, %(name)s, %(spec)s, %(most)s, %(first)s, %(longest)s) ON CONFLICT DO NOTHING""",
            values,
        )
        row = connection.execute(_SENDER, values).fetchone()
    if row is None:
        name = f"{sender.metadata.namespace}/{sender.metadata.name}"
        raise Refused(
            "SenderOfAnotherBrand", f"the ledger has {name} as a sender of a brand that this login does not see"
        )
    sender_id = int(row[0])
    lanes: list[tuple[str, list[str], str]] = [(DEFAULT_LANE, [], spec.limits.per_second)]
    lanes += [(f"lane/{lane.name}", lane.domains, lane.per_second) for lane in spec.limits.lanes]
    ids = [_sync_lane(connection, sender_id, name, domains, rate) for name, domains, rate in lanes]
    connection.execute(
        "UPDATE lane SET domains = '{}', per_second = %s WHERE sender_id = %s AND id <> ALL (%s) "
        "AND (domains, per_second) IS DISTINCT FROM ('{}'::text[], %s)",
        (parse_rate(spec.limits.per_second), sender_id, ids, parse_rate(spec.limits.per_second)),
    )
    _sync_warm_up(connection, sender_id, sender)
    return sender_id, ids


def _check_brand(connection: Connection, sender: SenderProfile) -> None:
    """Runs are their sender's brand's: with another brand they would become somebody else's."""
    key = (sender.metadata.namespace, sender.metadata.name)
    row = connection.execute(
        """SELECT brand FROM sender s WHERE (namespace, name) = (%s, %s) AND brand <> %s
           AND EXISTS (SELECT FROM run WHERE sender_id = s.id)""",
        (*key, sender.spec.brand),
    ).fetchone()
    if row is not None:
        raise Refused(
            "BrandChanged",
            f"{'/'.join(key)} has runs of the brand {row[0]}, and is {sender.spec.brand} now",
            hint="make another SenderProfile for the other brand",
        )


def _sync_lane(connection: Connection, sender_id: int, name: str, domains: list[str], rate: str) -> int:
    connection.execute(
        """INSERT INTO lane AS l (sender_id, name, domains, per_second) VALUES (%s, %s, %s, %s)
           ON CONFLICT (sender_id, name) DO UPDATE SET domains = excluded.domains, per_second = excluded.per_second
           WHERE (l.domains, l.per_second) IS DISTINCT FROM (excluded.domains, excluded.per_second)""",
        (sender_id, name, domains, parse_rate(rate)),
    )
    return int(one(connection, "SELECT id FROM lane WHERE (sender_id, name) = (%s, %s)", (sender_id, name))[0])


def _sync_warm_up(connection: Connection, sender_id: int, sender: SenderProfile) -> None:
    warm_up = sender.spec.warm_up
    days: list[tuple[object, int]] = []
    if warm_up is not None:
        start = parse_date(warm_up.start_date)
        days = [(start + timedelta(days=index), allowed) for index, allowed in enumerate(warm_up.per_day)]
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO sender_day AS d (sender_id, day, allowed) VALUES (%s, %s, %s)
               ON CONFLICT (sender_id, day) DO UPDATE SET allowed = excluded.allowed
               WHERE d.allowed <> excluded.allowed""",
            [(sender_id, day, allowed) for day, allowed in days],
        )
    connection.execute(
        "DELETE FROM sender_day WHERE sender_id = %s AND day >= (now() AT TIME ZONE 'UTC')::date AND day <> ALL (%s)",
        (sender_id, [day for day, _ in days]),
    )


async def fault_lane(connection: AsyncConnection, lane_id: int, *, reason: str, permanent: bool) -> None:
    """Pause a lane for its route's fault: 1 s, 2 s, 4 s … up to 5 min; 15 min when a person must act."""
    await connection.execute("SELECT worker_pause_lane(%s, %s, %s)", (lane_id, reason, permanent))


async def heal_lane(connection: AsyncConnection, lane_id: int) -> None:
    """The lane works again: the next fault starts with the shortest pause."""
    await connection.execute("SELECT worker_heal_lane(%s)", (lane_id,))
