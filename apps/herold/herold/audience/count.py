"""How many get a campaign, by what matters for a plan: one read-only pass over the statement that the start freezes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from herold.audience.comparisons import known_sql
from herold.audience.parameters import Parameters
from herold.audience.reasons import Reason
from herold.audience.statement import Connection, audience_statement, tuned
from herold.resources.resolved import ResolvedCampaign

MOST_DOMAINS = 20

# Small after the first grouping: people of one verdict, domain, locale, zone and lane are one row.
_COUNTS = """
WITH audience AS ({audience}),
part AS MATERIALIZED (
    SELECT verdict, domain, locale, time_zone, lane, count(*) AS people
    FROM (SELECT verdict, CASE WHEN verdict IS NULL THEN domain END AS domain,
                 CASE WHEN verdict IS NULL THEN locale END AS locale,
                 CASE WHEN verdict IS NULL THEN time_zone END AS time_zone,
                 CASE WHEN verdict IS NULL THEN lane END AS lane FROM audience) AS plain
    GROUP BY verdict, domain, locale, time_zone, lane
), accepted AS (SELECT * FROM part WHERE verdict IS NULL)
SELECT 'verdict', verdict, NULL::smallint, sum(people)::bigint FROM part GROUP BY verdict
UNION ALL (SELECT 'domain', domain, NULL, sum(people)::bigint AS people FROM accepted GROUP BY domain
           ORDER BY people DESC, domain LIMIT {domains})
UNION ALL SELECT 'locale', locale, NULL, sum(people)::bigint FROM accepted GROUP BY locale
UNION ALL SELECT 'zone', time_zone, lane, sum(people)::bigint FROM accepted GROUP BY time_zone, lane
"""


@dataclass(frozen=True, slots=True)
class AudienceCounts:
    """People, not messages tried. `left_out` names every reason; all other counts are of those who get it.

    `domains`: the largest, at most 20, largest first; `other_domains` is the sum of the rest. A locale or time zone of
    None is not known. `by_zone_and_lane` is what the pace is computed from; lane 0 is the sender's own.
    """

    accepted: int
    left_out: dict[Reason, int]
    domains: dict[str, int]
    other_domains: int
    locales: dict[str | None, int]
    by_zone_and_lane: dict[tuple[str | None, int], int]

    @property
    def considered(self) -> int:
        """All whom the segments name."""
        return self.accepted + sum(self.left_out.values())

    @property
    def time_zones(self) -> dict[str | None, int]:
        """By time zone, largest first."""
        zones: Counter[str | None] = Counter()
        for (zone, _), people in self.by_zone_and_lane.items():
            zones[zone] += people
        return dict(zones.most_common())

    @property
    def lanes(self) -> dict[int, int]:
        """By lane."""
        lanes: Counter[int] = Counter()
        for (_, lane), people in self.by_zone_and_lane.items():
            lanes[lane] += people
        return dict(sorted(lanes.items()))


def count_audience(
    connection: Connection, resolved: ResolvedCampaign, *, now: datetime | None = None
) -> AudienceCounts:
    """Exact, at one moment of the ledger. About as long as freezing takes without the writing."""
    statement = audience_statement(resolved, now=now)
    query = _COUNTS.format(audience=statement.sql, domains=MOST_DOMAINS)
    with tuned(connection):
        rows = connection.execute(query.encode(), statement.parameters).fetchall()
    return counts_of(rows)


def counts_of(rows: list[tuple[str, str | None, int | None, int]]) -> AudienceCounts:
    """From rows of (what, key, lane, people)."""
    by: dict[str, dict[str | None, int]] = {what: {} for what in ("verdict", "domain", "locale")}
    zones: dict[tuple[str | None, int], int] = {}
    for what, key, lane, people in sorted(rows, key=lambda row: (-row[3], row[1] or "", row[2] or 0)):
        if what == "zone":
            zones[key, lane or 0] = people
        else:
            by[what][key] = people
    accepted = by["verdict"].pop(None, 0)
    domains = {domain or "": people for domain, people in by["domain"].items()}
    return AudienceCounts(
        accepted,
        {reason: by["verdict"].get(reason, 0) for reason in Reason},
        domains,
        accepted - sum(domains.values()),
        by["locale"],
        zones,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two audiences: who gets only the second, only the first, both."""

    added: int
    removed: int
    kept: int


def audience_difference(
    connection: Connection, before: ResolvedCampaign, after: ResolvedCampaign, *, now: datetime | None = None
) -> Difference:
    """Compares who gets it, at one moment of the ledger."""
    first = audience_statement(before, now=now, prefix="before_")
    second = audience_statement(after, now=now, prefix="after_")
    query = f"""
        SELECT count(*) FILTER (WHERE a.contact_id IS NULL), count(*) FILTER (WHERE b.contact_id IS NULL),
               count(*) FILTER (WHERE a.contact_id = b.contact_id)
        FROM (SELECT contact_id FROM ({first.sql}) AS f WHERE verdict IS NULL) AS a
        FULL JOIN (SELECT contact_id FROM ({second.sql}) AS s WHERE verdict IS NULL) AS b
             ON a.contact_id = b.contact_id"""  # noqa: S608 - values are placeholders
    with tuned(connection):
        row = connection.execute(query.encode(), {**first.parameters, **second.parameters}).fetchone()
    assert row is not None
    return Difference(*row)


def lacking(
    connection: Connection, resolved: ResolvedCampaign, attributes: list[str], *, now: datetime | None = None
) -> dict[str, int]:
    """For each (declared) attribute: how many of those who get it lack a value of the declared type."""
    declared = {each.name: each for each in resolved.schema.spec.attributes}
    names = list(dict.fromkeys(attributes))
    if not names:
        return {}
    statement = audience_statement(resolved, now=now)
    parameters = Parameters("lacking_")
    tests = [
        f"count(*) FILTER (WHERE ({known_sql('c.attributes', declared[name], parameters)}) IS NOT TRUE)"
        for name in names
    ]
    query = f"""SELECT {", ".join(tests)} FROM ({statement.sql}) AS a JOIN contact c ON c.id = a.contact_id
                WHERE a.verdict IS NULL"""  # noqa: S608 - values are placeholders
    with tuned(connection):
        row = connection.execute(query.encode(), {**statement.parameters, **parameters.values}).fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))
