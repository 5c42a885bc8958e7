"""What the ledger says about the audience, in one statement: the audience is chosen once, and counted in every way.

A sampled plan asks the same of those whose address has one of the lowest hashes (people without an address: whose id
has): a fair sample, the same one for two revisions, with everybody who shares an address in it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from herold.audience.sampling import estimate
from herold.audience.statement import audience_statement, tune
from herold.ledger.database import Connection, one
from herold.planning.plan import Estimate
from herold.resources.resolved import ResolvedCampaign

Key = TypeVar("Key")

TOP_DOMAINS = 20
SAMPLE = 20_000  # people looked at; the interval is then at most +-0.7 % of all
_WHOLE = 1 << 32


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
    looked_at: int = 0
    seeds_suppressed: int = 0


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
    drawn = _draw(connection) if sampled else None
    if drawn is None:
        tune(connection)
    else:
        # Few people are looked up, each by an index: pages are in memory, or read from something without a needle.
        connection.execute("SELECT set_config('jit', 'off', true), set_config('random_page_cost', '1.1', true)")
    sample = None if drawn is None else "drawn"
    statement = audience_statement(resolved, prefix="a_", sample=sample)
    parameters: dict[str, object] = {
        "channel": resolved.campaign.spec.message.channel,
        **statement.parameters,
        "attributes": list(attributes),
        "runs": list(runs),
        "top": TOP_DOMAINS,
    }
    parts = [f"audience AS MATERIALIZED ({statement.sql})", _REACHED, _DOMAINS]
    counts = [_COUNTS]
    if drawn is not None:
        parts.insert(0, _DRAWN)
        counts.append(_LOOKED_AT)
        parameters.update(below=drawn.share.to_bytes(4, "big"), share=drawn.share)
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
    return facts if drawn is None else _scaled(facts, drawn.population)


# The second count is written so that it is not made a join, which would read all endpoints.
_DRAWN = """drawn AS MATERIALIZED (
    SELECT e.contact_id FROM endpoint e WHERE e.channel = %(channel)s AND e.address_hash < %(below)s
    UNION ALL
    SELECT c.id FROM contact c WHERE (hashint8extended(c.id, 0) & 4294967295) < %(share)s
    AND (SELECT count(*) FROM endpoint e WHERE e.contact_id = c.id AND e.channel = %(channel)s) = 0)"""
_LOOKED_AT = """
    SELECT 'looked_at', NULL, NULL, count(*) FROM contact c JOIN drawn ON drawn.contact_id = c.id
    WHERE NOT c.seed AND c.erased_at IS NULL"""
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
        case "looked_at":
            facts.looked_at = people
        case "added":
            facts.added = people
        case _:
            facts.removed = people


@dataclass(frozen=True, slots=True)
class _Drawn:
    """`share` of 2^32 hashes are drawn, of `population` people."""

    share: int
    population: int


def _draw(connection: Connection) -> _Drawn | None:
    """None: there are so few that all of them are counted."""
    population = int(one(connection, "SELECT count(*) FROM contact WHERE NOT seed AND erased_at IS NULL")[0])
    return None if population <= 2 * SAMPLE else _Drawn(SAMPLE * _WHOLE // population, population)


def _scaled(facts: Facts, population: int) -> Facts:
    known = estimate(facts.size, facts.looked_at, population)
    scale = population / max(1, facts.looked_at)
    return Facts(
        size=known.people,
        estimate=Estimate(known.low, known.high, facts.looked_at, population),
        left_out=_times(facts.left_out, scale),
        groups=apportioned(facts.groups, known.people),
        locales=apportioned(facts.locales, known.people),
        domains=_times(facts.domains, scale),
        domain_count=facts.domain_count,
        lacking=_times(facts.lacking, scale),
        overlaps=_times(facts.overlaps, scale),
        added=None if facts.added is None else round(facts.added * scale),
        removed=None if facts.removed is None else round(facts.removed * scale),
        looked_at=facts.looked_at,
    )


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
