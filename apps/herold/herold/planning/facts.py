"""What the ledger says about the audience, in one statement: the audience is chosen once, and counted in every way.

A sampled plan asks the same of people drawn by id: every id of the range is as likely as any other, ids that nobody has
count as nobody, so that a count times (range / drawn) is unbiased whatever was deleted, and no table is read whole.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import TypeVar

from herold.audience.statement import audience_statement, tune
from herold.ledger.database import Connection, one
from herold.planning.plan import Estimate
from herold.resources.resolved import ResolvedCampaign

Key = TypeVar("Key")

TOP_DOMAINS = 20
SAMPLE = 30_000  # ids drawn; the interval is then at most +-0.6 % of the contacts
_Z = 1.959964  # of the normal distribution, two-sided 95 %


@dataclass(slots=True)
class Facts:
    """Counts of people. `groups`: by (time zone, lane); `overlaps`: by run; `lacking`: by attribute."""

    size: int = 0
    estimate: Estimate | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    groups: dict[tuple[str | None, int], int] = field(default_factory=dict)
    locales: dict[str | None, int] = field(default_factory=dict)
    domains: dict[str, int] = field(default_factory=dict)
    domain_count: int = 0
    lacking: dict[str, int] = field(default_factory=dict)
    overlaps: dict[int, int] = field(default_factory=dict)
    added: int | None = None
    removed: int | None = None


def count_facts(
    connection: Connection,
    resolved: ResolvedCampaign,
    *,
    attributes: Sequence[str],
    runs: Sequence[int],
    against: ResolvedCampaign | None,
    sampled: bool,
) -> Facts:
    """Count inside the caller's transaction. `attributes`: who lacks them; `runs`: who is in them too."""
    drawn = _draw(connection, resolved) if sampled else None
    if drawn is None:
        tune(connection)
    else:
        connection.execute("SELECT set_config('jit', 'off', true)")
    sample = None if drawn is None else "drawn"
    statement = audience_statement(resolved, prefix="a_", sample=sample)
    parameters: dict[str, object] = {
        **statement.parameters,
        "attributes": list(attributes),
        "runs": list(runs),
        "top": TOP_DOMAINS,
    }
    parts = [f"audience AS MATERIALIZED ({statement.sql})", _REACHED, _DOMAINS]
    counts = [_COUNTS]
    if drawn is not None:
        parts.insert(0, "drawn AS MATERIALIZED (SELECT unnest(%(ids)s::bigint[]) AS contact_id)")
        parameters["ids"] = drawn.ids
    if attributes:
        counts.append(_LACKING)
    if runs:
        counts.append(_OVERLAPS)
    if against is not None:
        other = audience_statement(against, prefix="b_", sample=sample)
        parameters.update(other.parameters)
        parts.append(
            f"other AS MATERIALIZED (SELECT address_hash FROM ({other.sql}) o WHERE verdict IS NULL)"  # noqa: S608
        )
        counts.append(_CHANGE)
    query = f"WITH {', '.join(parts)} {' UNION ALL '.join(counts)}"
    facts = Facts(added=0 if against else None, removed=0 if against else None)
    for what, name, extra, people in connection.execute(query.encode(), parameters):
        _keep(facts, what, name, extra, people)
    facts.size = sum(facts.groups.values())
    return facts if drawn is None else _scaled(facts, drawn)


_REACHED = "reached AS NOT MATERIALIZED (SELECT * FROM audience WHERE verdict IS NULL)"
_DOMAINS = """domains AS MATERIALIZED (
    SELECT domain, count(*) AS people, row_number() OVER (ORDER BY count(*) DESC, domain) AS place
    FROM reached GROUP BY domain)"""
_COUNTS = """
    SELECT 'left_out', verdict, NULL::bigint, count(*) FROM audience WHERE verdict IS NOT NULL GROUP BY verdict
    UNION ALL SELECT 'group', time_zone, lane, count(*) FROM reached GROUP BY time_zone, lane
    UNION ALL SELECT 'locale', locale, NULL, count(*) FROM reached GROUP BY locale
    UNION ALL SELECT 'domain', domain, NULL, people FROM domains WHERE place <= %(top)s
    UNION ALL SELECT 'domain_count', NULL, NULL, count(*) FROM domains"""
# As the renderer sees it: what is no text, number or boolean is not there.
_LACKING = """
    SELECT 'lacking', name, NULL, count(*)
    FROM reached JOIN contact c ON c.id = contact_id CROSS JOIN unnest(%(attributes)s::text[]) AS name
    WHERE coalesce(jsonb_typeof(c.attributes -> name), 'null') NOT IN ('string', 'number', 'boolean')
    GROUP BY name"""
_OVERLAPS = """
    SELECT 'overlap', NULL, d.run_id, count(*)
    FROM reached a JOIN delivery d ON d.address_hash = a.address_hash AND d.run_id = ANY (%(runs)s::int[])
    GROUP BY d.run_id"""
_CHANGE = """
    SELECT 'added', NULL, NULL, count(*) FROM reached a
    WHERE NOT EXISTS (SELECT FROM other o WHERE o.address_hash = a.address_hash)
    UNION ALL SELECT 'removed', NULL, NULL, count(*) FROM other o
    WHERE NOT EXISTS (SELECT FROM reached a WHERE a.address_hash = o.address_hash)"""


def _keep(facts: Facts, what: str, name: str | None, extra: int | None, people: int) -> None:
    match what:
        case "left_out":
            facts.left_out[str(name)] = people
        case "group":
            facts.groups[name, int(extra or 0)] = people
        case "locale":
            facts.locales[name] = people
        case "domain":
            facts.domains[str(name)] = people
        case "domain_count":
            facts.domain_count = people
        case "lacking":
            facts.lacking[str(name)] = people
        case "overlap":
            facts.overlaps[int(extra or 0)] = people
        case "added":
            facts.added = people
        case _:
            facts.removed = people


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Ids drawn from a range of `population` ids."""

    ids: list[int]
    population: int


def _draw(connection: Connection, resolved: ResolvedCampaign) -> _Drawn | None:
    """None: there are so few that all of them are counted."""
    low, high = one(connection, "SELECT min(id), max(id) FROM contact")
    if low is None or high - low + 1 <= 2 * SAMPLE:
        return None
    # The same campaign draws the same people: a plan that is made again says the same.
    chance = random.Random(resolved.intent_digest())  # noqa: S311 - no secret
    return _Drawn(sorted(chance.sample(range(low, high + 1), SAMPLE)), high - low + 1)


def _scaled(facts: Facts, drawn: _Drawn) -> Facts:
    asked, population = len(drawn.ids), drawn.population
    low, high = wilson(facts.size, asked)
    size = round(facts.size * population / asked)
    scale = population / asked
    return Facts(
        size=size,
        estimate=Estimate(int(low * population), round(high * population + 0.5), asked, population),
        left_out=_times(facts.left_out, scale),
        groups=apportioned(facts.groups, size),
        locales=apportioned(facts.locales, size),
        domains=_times(facts.domains, scale),
        domain_count=facts.domain_count,
        lacking=_times(facts.lacking, scale),
        overlaps=_times(facts.overlaps, scale),
        added=None if facts.added is None else round(facts.added * scale),
        removed=None if facts.removed is None else round(facts.removed * scale),
    )


def wilson(hits: int, asked: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): it keeps its promise for shares near 0 and 1 too."""
    if asked == 0:
        return 0.0, 1.0
    share, square = hits / asked, _Z * _Z
    centre = (share + square / (2 * asked)) / (1 + square / asked)
    half = _Z * sqrt(share * (1 - share) / asked + square / (4 * asked * asked)) / (1 + square / asked)
    return max(0.0, centre - half), min(1.0, centre + half)


def _times(counts: Mapping[Key, int], scale: float) -> dict[Key, int]:
    return {key: round(count * scale) for key, count in counts.items()}


def apportioned(counts: Mapping[Key, int], total: int) -> dict[Key, int]:
    """Counts in the same proportions that add up to `total` (largest remainders)."""
    whole = sum(counts.values())
    if not whole:
        return {}
    exact = {key: divmod(count * total, whole) for key, count in counts.items()}
    missing = total - sum(floor for floor, _ in exact.values())
    lucky = sorted(exact, key=lambda key: (-exact[key][1], str(key)))[:missing]
    return {key: floor + (key in lucky) for key, (floor, _) in exact.items()}
