"""Segments in SQL: one condition over a contact, and the sets of people that it looks into.

What people did, bought or agreed to becomes a set of contact ids, aggregated once from an index that has them in order,
and joined: never a query for each contact. Everything is two-valued: what is unknown is false, and its negation true.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from herold.audience.comparisons import comparison_sql
from herold.audience.parameters import Parameters
from herold.errors import HeroldError, Refused
from herold.resources.contact_schema import Attribute
from herold.resources.meta import Reference
from herold.resources.resolved import ResolvedCampaign
from herold.resources.scalars import parse_duration, parse_money
from herold.resources.segment import (
    AnyOf,
    Comparison,
    Condition,
    ConsentCondition,
    EventCondition,
    OrderCondition,
    Segment,
)

MOST_CONDITIONS = 2_000  # of an audience, every named segment written out where it is named
MOST_SETS = 64  # different event, order and consent conditions
MOST_DEPTH = 32  # segments named by segments


@dataclass(frozen=True, slots=True)
class PeopleSet:
    """Contact ids, each once: `join` joins them to `contact c`; `<alias>.contact_id` is null for everybody else."""

    alias: str
    join: str


class SegmentSql:
    """Writes conditions about `contact c`; they need the `sets` joined to it.

    `now` is an SQL expression. `few` contacts are looked up one by one; for many, sets are made in one pass.
    """

    def __init__(self, resolved: ResolvedCampaign, parameters: Parameters, *, now: str, few: bool) -> None:
        self._resolved = resolved
        self._parameters = parameters
        self._now = now
        self._few = few
        self._sets: dict[str, PeopleSet] = {}
        self._count = 0
        schema = resolved.schema.spec
        self._attributes = {each.name: each for each in schema.attributes}
        self._properties = {event.name: {each.name: each for each in event.properties} for event in schema.events}

    @property
    def sets(self) -> tuple[PeopleSet, ...]:
        """The sets that the conditions written so far look into."""
        return tuple(self._sets.values())

    def any_of(self, references: Iterable[Reference]) -> str:
        """In any of the segments that the campaign's audience names."""
        namespace = self._resolved.campaign.metadata.namespace
        found = [self._segment(self._resolved.segment(each, namespace), 0) for each in references]
        return _joined("OR", found, empty="false")

    def _segment(self, segment: Segment, depth: int) -> str:
        if depth > MOST_DEPTH:
            raise Refused("AudienceTooComplex", f"segments name each other more than {MOST_DEPTH} deep")
        return _joined("AND", [self._group(group, segment, depth) for group in segment.spec.all_of], empty="true")

    def _group(self, group: AnyOf, segment: Segment, depth: int) -> str:
        return _joined("OR", [self._condition(each, segment, depth) for each in group.any_of], empty="false")

    def _condition(self, condition: Condition, segment: Segment, depth: int) -> str:
        self._count += 1
        if self._count > MOST_CONDITIONS:
            raise Refused(
                "AudienceTooComplex",
                f"the audience has more than {MOST_CONDITIONS} conditions, with every named segment written out",
                hint="name fewer segments, or put what they share into an attribute",
            )
        if condition.attribute:
            test = self._comparison("c.attributes", condition.attribute, self._attributes)
        elif condition.event:
            test = self._event(condition.event)
        elif condition.order:
            test = self._order(condition.order)
        elif condition.consent:
            test = self._consent(condition.consent)
        elif condition.segment_ref:
            inner = self._resolved.segment(condition.segment_ref, segment.metadata.namespace)
            test = self._segment(inner, depth + 1)
        return f"({test}) IS NOT TRUE" if condition.negate else test

    def _comparison(self, column: str, comparison: Comparison, declared: dict[str, Attribute]) -> str:
        if comparison.name not in declared:
            raise HeroldError(f"{comparison.name} is not declared in the ContactSchema", hint="run: herold validate")
        return comparison_sql(column, comparison, declared[comparison.name], self._parameters)

    def _event(self, asked: EventCondition) -> str:
        if asked.name not in self._properties:
            raise HeroldError(f"event {asked.name} is not declared in the ContactSchema", hint="run: herold validate")
        if asked.at_least == 0 and asked.at_most is None and asked.last_older_than is None:
            return "true"
        key = "event " + asked.model_dump_json()
        if key not in self._sets:
            where = [f"name = {self._parameters.add(asked.name, 'text')}", *self._within(asked.within)]
            where += [self._comparison("properties", each, self._properties[asked.name]) for each in asked.where]
            self._add_set(key, "event", where, _having(asked, self._counts(asked)))
        return self._is_in(key, positive=not _nothing_matches(asked))

    def _order(self, asked: OrderCondition) -> str:
        tests = self._counts(asked)
        if asked.total_at_least is not None:
            tests.append(f"sum(amount) >= {self._parameters.add(parse_money(asked.total_at_least), 'numeric')}")
        if asked.total_at_most is not None:
            tests.append(f"sum(amount) <= {self._parameters.add(parse_money(asked.total_at_most), 'numeric')}")
        if asked.at_least == 0 and not tests:
            return "true"
        key = "order " + asked.model_dump_json()
        if key not in self._sets:
            self._add_set(key, "purchase", self._within(asked.within), _having(asked, tests))
        return self._is_in(key, positive=not _nothing_matches(asked))

    def _consent(self, asked: ConsentCondition) -> str:
        key = "consent " + asked.model_dump_json()
        if key not in self._sets:
            subject = subject_sql(asked.brand, asked.topic, asked.channel, self._parameters)
            self._add_set(key, "consent_current", ["granted", f"subject = {subject}"], None)
        return self._is_in(key, positive=True)

    def _within(self, within: str | None) -> list[str]:
        return [] if within is None else [f"at >= {self._before(within)}", f"at <= {self._now}"]

    def _before(self, duration: str) -> str:
        # Seconds, not days: a day of 23 hours would make the same span another one.
        seconds = int(parse_duration(duration).total_seconds())
        return f"{self._now} - {self._parameters.add(seconds, 'bigint')} * interval '1 second'"

    def _counts(self, asked: EventCondition | OrderCondition) -> list[str]:
        tests = []
        if asked.at_least > 1:
            tests.append(f"count(*) >= {self._parameters.add(asked.at_least, 'bigint')}")
        if asked.at_most is not None:
            tests.append(f"count(*) <= {self._parameters.add(asked.at_most, 'bigint')}")
        if asked.last_older_than is not None:
            tests.append(f"max(at) < {self._before(asked.last_older_than)}")
        return tests

    def _add_set(self, key: str, table: str, where: list[str], having: str | None) -> None:
        if len(self._sets) >= MOST_SETS:
            raise Refused(
                "AudienceTooComplex",
                f"the audience has more than {MOST_SETS} different conditions about events, orders and consents",
            )
        if self._few:
            where = ["contact_id = c.id", *where]
        sql = f"SELECT contact_id FROM {table} WHERE {_joined('AND', where, empty='true')}"  # noqa: S608 - placeholders
        if table != "consent_current":  # there each person has one row
            sql += " GROUP BY contact_id" + (f" HAVING {having}" if having else "")
        alias = f"set{len(self._sets) + 1}"
        lateral, on = ("LATERAL ", "true") if self._few else ("", f"{alias}.contact_id = c.id")
        self._sets[key] = PeopleSet(alias, f"LEFT JOIN {lateral}({sql}) AS {alias} ON {on}")

    def _is_in(self, key: str, *, positive: bool) -> str:
        return f"{self._sets[key].alias}.contact_id IS {'NOT NULL' if positive else 'NULL'}"


def subject_sql(brand: str, topic: str, channel: str, parameters: Parameters) -> str:
    """The number of a subject of consent; null, which equals nothing, while nobody was asked yet.

    The ledger refuses (psycopg.errors.InsufficientPrivilege) a brand that the login does not see.
    """
    named = ", ".join(parameters.add(each, "text") for each in (brand, topic, channel))
    return f"(SELECT subject_of({named}))"


def _nothing_matches(asked: EventCondition | OrderCondition) -> bool:
    """Whether somebody with no event (order) at all matches: then those are looked for who do not."""
    if asked.at_least > 0 or asked.last_older_than is not None:
        return False
    return not (isinstance(asked, OrderCondition) and asked.total_at_least and parse_money(asked.total_at_least) > 0)


def _having(asked: EventCondition | OrderCondition, tests: list[str]) -> str | None:
    if _nothing_matches(asked):
        return f"NOT ({_joined('AND', tests, empty='true')})"
    return _joined("AND", tests, empty="") or None


def _joined(word: str, tests: list[str], *, empty: str) -> str:
    return f" {word} ".join(f"({test})" for test in tests) if tests else empty
