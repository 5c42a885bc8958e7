"""Making a plan: one read-only transaction that sees one moment of the ledger, and pure arithmetic after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from herold.audience.addresses import address_hash, domain_of, normalise
from herold.audience.reasons import Reason
from herold.audience.sampling import sample_contacts
from herold.ledger.database import Connection, one
from herold.ledger.senders import DEFAULT_LANE
from herold.ledger.times import DueZone, all_zones, due_zones
from herold.message.compose import Composer, Recipient
from herold.planning.changes import against_revision
from herold.planning.facts import Facts, count_facts
from herold.planning.pace import Group, Pace, simulate
from herold.planning.plan import (
    Against,
    Bounds,
    Cell,
    LeftOut,
    LocaleCell,
    Overlap,
    Plan,
    Sample,
    Violation,
)
from herold.planning.samples import made_up_samples, sample, sample_composer, sample_violations
from herold.planning.standing import Standing, read_standing
from herold.planning.violations import find_violations
from herold.resources.resolved import ResolvedCampaign
from herold.resources.scalars import parse_duration, parse_money, parse_rate

REAL_SAMPLES = 3
Name = TypeVar("Name", str, str | None)


def make_plan(
    connection: Connection,
    resolved: ResolvedCampaign,
    *,
    key: bytes,
    now: datetime,
    against: ResolvedCampaign | None = None,
    revision: str = "",
    sampled: bool = False,
    real_samples: bool = False,
) -> Plan:
    """What the campaign would do, and what is wrong with it. Nothing is written.

    `key` is the installation's: seed addresses are looked up with it; samples are signed by nobody. `revision` names
    what the plan is compared with (empty: with nothing); `against` is the campaign there, None when it was not there.
    `sampled` estimates from some of the people; `real_samples` renders a few real people's messages too, which must
    not leave this machine. Raises InvalidInput for a template that can't be compiled, Refused for an audience with too
    many conditions.
    """
    composer = sample_composer(resolved, now)
    samples = made_up_samples(resolved, composer)
    proof = resolved.campaign.spec.mode == "Proof"
    due_at = now if proof else due_zones(resolved.campaign.spec.schedule, ())[0].due_at
    with _one_moment(connection):
        standing = read_standing(connection, resolved, due_at=due_at)
        if proof:
            facts = _seed_facts(connection, resolved, key)
        else:
            facts = count_facts(
                connection,
                resolved,
                attributes=composer.template.missing_defaults,
                runs=[run.run_id for run in standing.others],
                against=against,
                sampled=sampled,
            )
        if real_samples and facts.size and not proof:
            samples += _real_samples(connection, resolved, composer)
    zones = _zones(resolved, facts, now, proof=proof)
    pace, bounds = _pace(resolved, facts, standing, zones, now)
    violations = (
        *find_violations(resolved, facts, standing, pace, bounds, now=now),
        *sample_violations(resolved, composer, samples),
    )
    return _plan(
        resolved,
        composer,
        facts,
        standing,
        pace,
        bounds,
        samples=samples,
        violations=tuple(sorted(violations, key=lambda violation: violation.severity != "error")),
        against=against_revision(resolved, against, revision, added=facts.added, removed=facts.removed),
        now=now,
    )


@contextmanager
def _one_moment(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _seed_facts(connection: Connection, resolved: ResolvedCampaign, key: bytes) -> Facts:
    """A proof goes to the sender's seed addresses and to nobody else, each once."""
    facts = Facts()
    seeds = {normalise(seed.address): seed.locale for seed in resolved.sender.spec.seeds}
    for address, locale in seeds.items():
        domain = domain_of(address)
        facts.size += 1
        facts.domains[domain] = facts.domains.get(domain, 0) + 1
        facts.locales[locale] = facts.locales.get(locale, 0) + 1
        facts.groups[None, 0] = facts.groups.get((None, 0), 0) + 1
    facts.domain_count = len(facts.domains)
    facts.seeds_suppressed = int(
        one(
            connection,
            "SELECT count(*) FROM suppression WHERE address_hash = ANY (%s)",
            ([address_hash(key, address) for address in seeds],),
        )[0]
    )
    return facts


def _real_samples(connection: Connection, resolved: ResolvedCampaign, composer: Composer) -> tuple[Sample, ...]:
    return tuple(
        sample(
            composer,
            composer.template.content(person.locale).locale,
            "Real",
            Recipient(index, person.contact_id, person.address, person.locale, person.attributes),
        )
        for index, person in enumerate(sample_contacts(connection, resolved, REAL_SAMPLES))
    )


def _zones(resolved: ResolvedCampaign, facts: Facts, now: datetime, *, proof: bool) -> list[DueZone]:
    """As a start makes them: zone 0 is the campaign's own."""
    schedule = resolved.campaign.spec.schedule
    if proof:
        return [DueZone(0, schedule.time_zone, now, now + parse_duration(schedule.expires_after), ())]
    return due_zones(schedule, {name for name, _ in facts.groups}, known=all_zones())


def _pace(
    resolved: ResolvedCampaign, facts: Facts, standing: Standing, zones: list[DueZone], now: datetime
) -> tuple[Pace, Bounds]:
    numbers = {zone.name: zone.zone for zone in zones}
    groups = [Group(numbers.get(name or "", 0), lane, count) for (name, lane), count in facts.groups.items()]
    present = {group.zone for group in groups} or {0}
    spec = resolved.campaign.spec
    deadline = parse_duration(spec.schedule.starting_deadline)
    start_by = min(zone.due_at for zone in zones if zone.zone in present) + deadline
    limits = resolved.sender.spec.limits
    rates = [parse_rate(limits.per_second), *(parse_rate(lane.per_second) for lane in limits.lanes)]
    pace = simulate(groups, zones, rates, now=now, start_by=start_by, allowance=standing.allowance)
    expires = parse_duration(spec.schedule.expires_after)
    return pace, Bounds(spec.audience.max_recipients, expires, deadline, start_by)


def _plan(
    resolved: ResolvedCampaign,
    composer: Composer,
    facts: Facts,
    standing: Standing,
    pace: Pace,
    bounds: Bounds,
    *,
    samples: tuple[Sample, ...],
    violations: tuple[Violation, ...],
    against: Against | None,
    now: datetime,
) -> Plan:
    spec, sender = resolved.campaign.spec, resolved.sender
    lanes = [DEFAULT_LANE, *(lane.name for lane in sender.spec.limits.lanes)]
    domains = _cells(facts.domains)
    return Plan(
        campaign=resolved.name,
        occurrence=spec.occurrence,
        message_class=spec.message_class,
        mode=spec.mode,
        suspended=spec.suspend,
        owner=spec.governance.owner,
        sender=f"{sender.metadata.namespace}/{sender.metadata.name}",
        from_=f"{sender.spec.from_.name} <{sender.spec.from_.address}>".strip(),
        topic=spec.message.topic,
        at=min((zone.first for zone in pace.zones if zone.first), default=bounds.start_by - bounds.starting_deadline),
        local_at=spec.schedule.at,
        time_zone=spec.schedule.time_zone,
        local_time=spec.schedule.local_time,
        made_at=now,
        intent_digest=resolved.intent_digest(),
        bounds=bounds,
        size=facts.size,
        estimate=facts.estimate,
        left_out=tuple(
            LeftOut(reason, Reason(reason).sentence, facts.left_out[reason])
            for reason in Reason
            if facts.left_out.get(reason)
        ),
        domains=domains,
        other_domains=max(0, facts.domain_count - len(domains)),
        others=max(0, facts.size - sum(cell.people for cell in domains)),
        locales=tuple(
            LocaleCell(cell.name, composer.template.content(cell.name).locale, cell.people)
            for cell in _cells(facts.locales)
        ),
        zones=_cells(_summed((name, count) for (name, _), count in facts.groups.items())),
        lanes=_cells(_summed((lanes[lane], count) for (_, lane), count in facts.groups.items())),
        overlaps=tuple(
            Overlap(run.campaign, run.due_at, run.state, facts.overlaps[run.run_id], run.repeat)
            for run in standing.others
            if run.is_near and facts.overlaps.get(run.run_id)
        ),
        pace=pace,
        cost=parse_money(sender.spec.cost_per_thousand) * Decimal(pace.sent) / 1000,
        currency=sender.spec.currency,
        samples=samples,
        violations=violations,
        against=against,
    )


def _summed(counts: Iterable[tuple[Name, int]]) -> dict[Name, int]:
    found: dict[Name, int] = {}
    for name, count in counts:
        found[name] = found.get(name, 0) + count
    return found


def _cells(counts: Mapping[Name, int]) -> tuple[Cell, ...]:
    """The greatest first."""
    return tuple(
        Cell(name, count) for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0] or "")) if count
    )
