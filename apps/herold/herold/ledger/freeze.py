"""Freezing an audience: deliveries in one statement, the queue beside them, due times by zone."""

from __future__ import annotations

import json
from collections.abc import Iterable

from herold.audience.addresses import address_hash, domain_of, normalise
from herold.audience.statement import audience_statement, tuned
from herold.ledger.database import Connection, one
from herold.ledger.times import DueZone
from herold.resources.resolved import ResolvedCampaign

CHUNK = 2_000  # positions claimed from one row of the queue; small enough that workers rarely want the same one


def freeze_audience(
    connection: Connection, run_id: int, resolved: ResolvedCampaign, lanes: list[int], zones: Iterable[DueZone]
) -> dict[str, int]:
    """INSERT … SELECT of the very statement that the plan counts. Who is left out is counted in the same pass."""
    statement = audience_statement(resolved)
    numbers = {zone.name: zone.zone for zone in zones}
    # Positions follow lane, zone and contact: a window then reads neighbouring rows.
    query = f"""
        WITH audience AS MATERIALIZED ({statement.sql}),
        frozen AS (
            INSERT INTO delivery (run_id, position, contact_id, address_hash, lane_id, zone)
            SELECT %(herold_run)s, row_number() OVER (ORDER BY lane_id, zone, contact_id),
                   contact_id, address_hash, lane_id, zone
            FROM (SELECT contact_id, address_hash, (%(herold_lanes)s::int[])[lane + 1] AS lane_id,
                         coalesce((%(herold_zones)s::jsonb ->> time_zone)::smallint, 0::smallint) AS zone
                  FROM audience WHERE verdict IS NULL) AS a
        )
        SELECT verdict, count(*) FROM audience WHERE verdict IS NOT NULL GROUP BY verdict"""  # noqa: S608 - no values in it
    parameters = {
        **statement.parameters,
        "herold_run": run_id,
        "herold_lanes": lanes,
        "herold_zones": json.dumps(numbers),
    }
    with tuned(connection):
        return dict(connection.execute(query.encode(), parameters).fetchall())


def freeze_seeds(
    connection: Connection, run_id: int, resolved: ResolvedCampaign, lane: int, key: bytes
) -> dict[str, int]:
    """A proof goes to the sender's seed addresses, which are contacts of their own and in no audience."""
    seeds = {normalise(seed.address): seed.locale for seed in resolved.seeds}
    for position, (address, locale) in enumerate(seeds.items(), start=1):
        hashed = address_hash(key, address)
        contact = one(connection, "SELECT seed_contact(%s, %s, %s, %s)", (address, hashed, domain_of(address), locale))[
            0
        ]
        connection.execute(
            "INSERT INTO delivery (run_id, position, contact_id, address_hash, lane_id, zone) "
            "VALUES (%s, %s, %s, %s, %s, 0)",
            (run_id, position, contact, hashed, lane),
        )
    return {}


def queue_deliveries(connection: Connection, run_id: int, zones: list[DueZone]) -> None:
    """Queue every frozen delivery, and write the due times of the zones in which somebody is."""
    connection.execute(
        """INSERT INTO chunk (run_id, zone, lane_id, first, last)
           SELECT %(run)s, zone, lane_id, n, least(n + %(size)s - 1, last)
           FROM (SELECT zone, lane_id, min(position) AS first, max(position) AS last
                 FROM delivery WHERE run_id = %(run)s GROUP BY zone, lane_id) part,
                generate_series(first, last, %(size)s) AS n""",
        {"run": run_id, "size": CHUNK},
    )
    present = {row[0] for row in connection.execute("SELECT DISTINCT zone FROM chunk WHERE run_id = %s", (run_id,))}
    due = [zone for zone in zones if zone.zone in present]
    # Not by COPY, which row-level security refuses.
    connection.execute(
        """INSERT INTO run_zone (run_id, zone, name, due_at, expires_at, quiet)
           SELECT %s, * FROM unnest(%s::int2[], %s::text[], %s::timestamptz[], %s::timestamptz[],
                                    %s::tstzmultirange[])""",
        (
            run_id,
            [zone.zone for zone in due],
            [zone.name for zone in due],
            [zone.due_at for zone in due],
            [zone.expires_at for zone in due],
            ["{" + ",".join(f"[{a.isoformat()},{b.isoformat()})" for a, b in zone.quiet) + "}" for zone in due],
        ),
    )
