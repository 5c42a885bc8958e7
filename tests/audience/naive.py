"""Who gets a campaign, computed one person at a time in plain Python: what the SQL is held against.

Written from the description of the resources and not from the SQL: slow, obvious, and without a database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from herold.audience.allowlist import is_allowed
from herold.resources.contact_schema import Attribute, AttributeType
from herold.resources.resolved import ResolvedCampaign
from herold.resources.scalars import parse_duration
from herold.resources.segment import Comparison, Condition, EventCondition, OrderCondition, Segment


@dataclass(frozen=True)
class Happened:
    """An event."""

    name: str
    at: datetime
    properties: Any


@dataclass(frozen=True)
class Bought:
    """An order."""

    at: datetime
    amount: Decimal


@dataclass(frozen=True)
class Person:
    """A contact; `address` is normalised, or there is none. `consents`: (brand, topic) -> granted."""

    id: int
    attributes: Any = field(default_factory=dict)
    address: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    seed: bool = False
    erased: bool = False
    events: tuple[Happened, ...] = ()
    orders: tuple[Bought, ...] = ()
    consents: dict[tuple[str, str], bool] = field(default_factory=dict)


def verdicts(
    resolved: ResolvedCampaign, people: list[Person], suppressed: set[str], now: datetime
) -> dict[int, str | None]:
    """Contact id -> None (gets it) or the reason, for all in the audience."""
    return _Judge(resolved, suppressed, now).all_of(people)


class _Judge:
    def __init__(self, resolved: ResolvedCampaign, suppressed: set[str], now: datetime) -> None:
        self.resolved, self.suppressed, self.now = resolved, suppressed, now
        schema = resolved.schema.spec
        self.attributes = {each.name: each for each in schema.attributes}
        self.properties = {event.name: {each.name: each for each in event.properties} for event in schema.events}

    def all_of(self, people: list[Person]) -> dict[int, str | None]:
        found: dict[int, str | None] = {}
        reached: set[str] = set()
        for person in sorted(people, key=lambda each: each.id):
            if person.seed or person.erased or not self.named(person, "segment_refs"):
                continue
            verdict = self.verdict(person)
            if verdict is None:
                assert person.address is not None
                if person.address in reached:
                    verdict = "DuplicateAddress"
                reached.add(person.address)
            found[person.id] = verdict
        return found

    def named(self, person: Person, references: str) -> bool:
        namespace = self.resolved.campaign.metadata.namespace
        audience = self.resolved.campaign.spec.audience
        return any(self.matches(person, self.resolved.segment(r, namespace)) for r in getattr(audience, references))

    def verdict(self, person: Person) -> str | None:
        campaign, sender = self.resolved.campaign.spec, self.resolved.sender.spec
        if self.named(person, "exclude_refs"):
            return "Excluded"
        if person.address is None:
            return "NoAddress"
        if not is_allowed(person.address, person.address.split("@")[1], sender.allow):
            return "OutsideAllowList"
        if person.address in self.suppressed:
            return "Suppressed"
        if campaign.message_class == "Marketing" and not person.consents.get((sender.brand, campaign.message.topic)):
            return "NoConsent"
        return None

    def matches(self, person: Person, segment: Segment) -> bool:
        return all(
            any(self.holds(person, condition, segment) for condition in group.any_of) for group in segment.spec.all_of
        )

    def holds(self, person: Person, condition: Condition, segment: Segment) -> bool:
        if condition.attribute:
            held = compares(condition.attribute, person.attributes, self.attributes)
        elif condition.event:
            held = self.happened(person, condition.event)
        elif condition.order:
            held = self.bought(person, condition.order)
        elif condition.consent:
            held = bool(person.consents.get((condition.consent.brand, condition.consent.topic)))
        else:
            assert condition.segment_ref
            held = self.matches(person, self.resolved.segment(condition.segment_ref, segment.metadata.namespace))
        return held != condition.negate

    def happened(self, person: Person, asked: EventCondition) -> bool:
        instants = [
            event.at
            for event in person.events
            if event.name == asked.name
            and self.recent(event.at, asked.within)
            and all(compares(each, event.properties, self.properties[asked.name]) for each in asked.where)
        ]
        return self.often(instants, asked)

    def bought(self, person: Person, asked: OrderCondition) -> bool:
        orders = [order for order in person.orders if self.recent(order.at, asked.within)]
        total = sum((order.amount for order in orders), Decimal(0))
        if asked.total_at_least is not None and total < Decimal(asked.total_at_least):
            return False
        if asked.total_at_most is not None and total > Decimal(asked.total_at_most):
            return False
        return self.often([order.at for order in orders], asked)

    def recent(self, at: datetime, within: str | None) -> bool:
        return within is None or timedelta(0) <= self.now - at <= parse_duration(within)

    def often(self, instants: list[datetime], asked: EventCondition | OrderCondition) -> bool:
        if len(instants) < asked.at_least or (asked.at_most is not None and len(instants) > asked.at_most):
            return False
        if asked.last_older_than is not None:
            return bool(instants) and self.now - max(instants) > parse_duration(asked.last_older_than)
        return True


def compares(asked: Comparison, values: Any, declared: dict[str, Attribute]) -> bool:
    """Whether stored values (decoded JSON) compare as asked."""
    type_ = declared[asked.name].type
    have = read(type_, values.get(asked.name) if isinstance(values, dict) else None)
    if have is None:
        return False
    given = [value for text in asked.values if (value := wanted(type_, text)) is not None]
    match asked.operator:
        case "Exists":
            return True
        case "In":
            return have in given
        case "StartsWith":
            return str(have).startswith(given[0])
        case "LessThan":
            return bool(have < given[0])
        case "AtMost":
            return bool(have <= given[0])
        case "AtLeast":
            return bool(have >= given[0])
        case "GreaterThan":
            return bool(have > given[0])


def wanted(type_: AttributeType, text: str) -> Any:
    """A value of a segment."""
    match type_:
        case "String":
            return text
        case "Integer" | "Decimal":
            return Decimal(text)
        case "Boolean":
            return text == "true"
        case "Date":
            return date.fromisoformat(text)
        case "Timestamp":
            return datetime.fromisoformat(text)


def read(type_: AttributeType, stored: Any) -> Any:
    """A stored value, or None when it is not what was declared."""
    if type_ == "String":
        return stored if isinstance(stored, str) else None
    if type_ == "Boolean":
        return stored if isinstance(stored, bool) else None
    if type_ in ("Integer", "Decimal"):
        if isinstance(stored, bool) or not isinstance(stored, (int, float, Decimal)):
            return None
        number = Decimal(str(stored))
        return None if type_ == "Integer" and number != number.to_integral_value() else number
    if not isinstance(stored, str):
        return None
    pattern = r"\d{4}-\d\d-\d\d" + ("" if type_ == "Date" else r"T\d\d:\d\d:\d\dZ")
    if not re.fullmatch(pattern, stored, re.ASCII):
        return None
    try:
        return date.fromisoformat(stored) if type_ == "Date" else datetime.fromisoformat(stored)
    except ValueError:
        return None
