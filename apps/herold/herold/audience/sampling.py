"""A part of the people: for an estimate in two seconds, and for showing what somebody would read.

Addresses are hashed with a key, so the lowest hashes are a fair sample that one index range holds, the same one for two
revisions that are compared; people who share an address are in it together. People without an address are taken by a
hash of their id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any

from herold.audience.reasons import Reason
from herold.audience.statement import Connection, audience_statement, tuned
from herold.resources.resolved import ResolvedCampaign

SAMPLE_SIZE = 20_000  # people: an interval of at most +-0.7 % of all
_Z = 1.959964  # 95 %, two-sided
_WHOLE = 2**32

_SAMPLE = """
WITH sampled AS MATERIALIZED (
    SELECT e.contact_id FROM endpoint e
    WHERE e.channel = %(sample_channel)s AND e.address_hash < %(sample_below)s
    UNION ALL
    SELECT c.id FROM contact c WHERE (hashint8extended(c.id, 0) & 4294967295) < %(sample_share)s
    -- Not NOT EXISTS: that would be a join with all endpoints.
    AND (SELECT e.contact_id FROM endpoint e WHERE e.contact_id = c.id AND e.channel = %(sample_channel)s) IS NULL
)
"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """People, with the bounds of a 95 % interval."""

    people: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class SampledCounts:
    """`sampled` of `population` people were looked at. When they are all, estimates are exact."""

    population: int
    sampled: int
    accepted: Estimate
    left_out: dict[Reason, Estimate]


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """Somebody who gets it. Personal data: for this machine's eyes only."""

    contact_id: int
    address: str
    locale: str | None
    time_zone: str | None
    attributes: dict[str, Any]


def count_sample(
    connection: Connection, resolved: ResolvedCampaign, *, size: int = SAMPLE_SIZE, now: datetime | None = None
) -> SampledCounts:
    """Estimates from about `size` people."""
    statement = audience_statement(resolved, now=now, sample="sampled")
    with tuned(connection, few=True):
        population = _number(connection, "SELECT count(*) FROM contact WHERE NOT seed AND erased_at IS NULL", {})
        share = min(_WHOLE, size * _WHOLE // max(population, 1))
        parameters = {
            "sample_channel": resolved.campaign.spec.message.channel,
            # Above every hash when all are wanted.
            "sample_below": share.to_bytes(4, "big") if share < _WHOLE else b"\xff" * 17,
            "sample_share": share,
        }
        query = f"""{_SAMPLE} SELECT verdict, count(*) FROM ({statement.sql}) AS a GROUP BY verdict
            UNION ALL SELECT 'looked at', count(*) FROM contact c JOIN sampled ON sampled.contact_id = c.id
            WHERE NOT c.seed AND c.erased_at IS NULL"""  # noqa: S608 - values are placeholders
        rows = connection.execute(query.encode(), {**statement.parameters, **parameters}).fetchall()
    counts: dict[str | None, int] = dict(rows)
    sampled = counts["looked at"]
    return SampledCounts(
        population,
        sampled,
        estimate(counts.get(None, 0), sampled, population),
        {reason: estimate(counts.get(reason, 0), sampled, population) for reason in Reason},
    )


def estimate(found: int, sampled: int, population: int) -> Estimate:
    """Wilson's interval for a share (JASA 22, 1927), with the correction for a finite population."""
    if sampled == 0:
        return Estimate(0, 0, population)
    if sampled >= population:
        return Estimate(found, found, found)
    p, z = found / sampled, _Z * sqrt((population - sampled) / (population - 1))
    middle = (p + z * z / (2 * sampled)) / (1 + z * z / sampled)
    half = z * sqrt(p * (1 - p) / sampled + z * z / (4 * sampled * sampled)) / (1 + z * z / sampled)
    low, high = max(0.0, middle - half) * population, min(1.0, middle + half) * population
    # Those who were seen are certain.
    return Estimate(round(p * population), max(found, int(low)), min(population - sampled + found, int(high) + 1))


def sample_contacts(
    connection: Connection, resolved: ResolvedCampaign, count: int, *, now: datetime | None = None
) -> list[SamplePerson]:
    """`count` of those who get it (fewer if there are), the same ones each time."""
    statement = audience_statement(resolved, now=now)
    query = f"""
        SELECT c.id, e.address, c.locale, c.time_zone, c.attributes
        FROM (SELECT contact_id FROM ({statement.sql}) AS a WHERE verdict IS NULL
              ORDER BY address_hash LIMIT %(sample_count)s) AS few
        JOIN contact c ON c.id = few.contact_id
        JOIN endpoint e ON e.contact_id = c.id AND e.channel = %(sample_channel)s
        ORDER BY e.address_hash"""  # noqa: S608 - values are placeholders
    parameters = {"sample_count": count, "sample_channel": resolved.campaign.spec.message.channel}
    with tuned(connection):
        rows = connection.execute(query.encode(), {**statement.parameters, **parameters}).fetchall()
    return [SamplePerson(*row) for row in rows]


def _number(connection: Connection, query: str, parameters: dict[str, object]) -> int:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])
