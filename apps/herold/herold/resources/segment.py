"""Segment: a declared set of people. All-of any-of, two levels; deeper by naming another segment."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from herold.resources.meta import Model, Reference, Resource, cel, wrong
from herold.resources.scalars import Duration, Identifier, Money, Name

Operator = Literal["In", "Exists", "LessThan", "AtMost", "AtLeast", "GreaterThan", "StartsWith"]
Value = Annotated[str, Field(max_length=256)]
_COUNTS = cel(("!has(self.atMost) || self.atLeast <= self.atMost", "atMost is less than atLeast (1 by default)"))


class Comparison(Model):
    """`name operator values`: values are strings, read by the declared type.

    `In` takes one or more values, `Exists` none, all others exactly one. Whoever lacks the attribute does not match.
    """

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("self.operator != 'Exists' || size(self.values) == 0", "Exists takes no values"),
            ("self.operator != 'In' || size(self.values) > 0", "In takes at least one value"),
            ("self.operator in ['Exists', 'In'] || size(self.values) == 1", "this operator takes exactly one value"),
        )
    )

    name: Identifier = Field(description="A declared attribute (or property of the event).")
    operator: Operator = Field(
        default="In",
        description="`In`: is one of the values. `Exists`: is known at all. `LessThan`, `AtMost`, `AtLeast`, "
        "`GreaterThan`: numbers, dates and timestamps. `StartsWith`: text.",
    )
    values: Annotated[list[Value], Field(max_length=256)] = Field(
        default_factory=list,
        description="Strings, read as the declared type: quote numbers, dates, `'true'` and `'false'`.",
    )

    @model_validator(mode="after")
    def _arity(self) -> Comparison:
        count = len(self.values)
        if self.operator == "Exists" and count:
            raise wrong("Exists takes no values", "values", fix="remove the values, or write operator: In")
        if self.operator == "In" and not count:
            raise wrong("In takes at least one value", fix="write values, or operator: Exists")
        if self.operator not in ("Exists", "In") and count != 1:
            raise wrong(f"{self.operator} takes exactly one value", "values", fix="write one value")
        return self


class EventCondition(Model):
    """How often an event happened, and when last."""

    model_config = ConfigDict(json_schema_extra=_COUNTS)

    name: Identifier = Field(description="A declared event.")
    within: Duration | None = Field(default=None, description="Only events of the last … count; without it all do.")
    at_least: Annotated[int, Field(ge=0, le=1_000_000)] = Field(default=1, description="This many events, or more.")
    at_most: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="This many events, or fewer. For none at all write `atLeast: 0` and `atMost: 0`."
    )
    last_older_than: Duration | None = Field(
        default=None, description="The latest counted event is older than this (there is one)."
    )
    where: Annotated[list[Comparison], Field(max_length=8)] = Field(
        default_factory=list, description="Only events whose properties match all of these count."
    )

    @model_validator(mode="after")
    def _counts(self) -> EventCondition:
        _refuse_nobody(self.at_least, self.at_most)
        return self


class OrderCondition(Model):
    """How many orders, for how much, and when last."""

    model_config = ConfigDict(json_schema_extra=_COUNTS)

    within: Duration | None = Field(default=None, description="Only orders of the last … count; without it all do.")
    at_least: Annotated[int, Field(ge=0, le=1_000_000)] = Field(default=1, description="This many orders, or more.")
    at_most: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="This many orders, or fewer. For none at all write `atLeast: 0` and `atMost: 0`."
    )
    total_at_least: Money | None = Field(default=None, description="Sum of the counted orders' amounts, or more.")
    total_at_most: Money | None = Field(default=None, description="Sum of the counted orders' amounts, or less.")
    last_older_than: Duration | None = Field(
        default=None, description="The latest counted order is older than this (there is one)."
    )

    @model_validator(mode="after")
    def _counts(self) -> OrderCondition:
        _refuse_nobody(self.at_least, self.at_most)
        return self


def _refuse_nobody(at_least: int, at_most: int | None) -> None:
    if at_most is not None and at_most < at_least:
        raise wrong(
            f"nobody can match: at least {at_least} and at most {at_most}",
            "atMost",
            fix="write atLeast: 0 too" if at_least == 1 else "write an atLeast that is not more than atMost",
        )


class ConsentCondition(Model):
    """The person's current consent is `Granted`."""

    brand: Name = Field(description="A brand that the ContactSchema declares.")
    topic: Identifier = Field(description="A topic that the ContactSchema declares.")
    channel: Literal["Email"] = Field(default="Email", description="Channel to which the consent applies.")


class Condition(Model):
    """Exactly one of the five, possibly negated. Negation is two-valued: who does not match, matches the negation."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "[has(self.attribute), has(self.event), has(self.order), has(self.consent), has(self.segmentRef)]"
                ".filter(given, given).size() == 1",
                "name exactly one of attribute, event, order, consent, segmentRef",
            )
        )
    )

    negate: bool = Field(default=False, description="Match everybody who does not match the condition.")
    attribute: Comparison | None = Field(default=None, description="What is known about the person.")
    event: EventCondition | None = Field(default=None, description="What the person did.")
    order: OrderCondition | None = Field(default=None, description="What the person bought.")
    consent: ConsentCondition | None = Field(default=None, description="What the person agreed to.")
    segment_ref: Reference | None = Field(default=None, description="The person is in another segment.")

    @model_validator(mode="after")
    def _one_of(self) -> Condition:
        names = {
            "attribute": self.attribute,
            "event": self.event,
            "order": self.order,
            "consent": self.consent,
            "segmentRef": self.segment_ref,
        }
        given = [name for name, value in names.items() if value is not None]
        if len(given) != 1:
            raise wrong(
                f"a condition is one thing, and this is {' and '.join(given) or 'none'}",
                fix="write one condition (a list item) for each; one is attribute, event, order, consent or segmentRef",
            )
        return self


class AnyOf(Model):
    """Matches whoever matches any of the conditions."""

    any_of: Annotated[list[Condition], Field(min_length=1, max_length=16)] = Field(
        description="One of these must match."
    )


class SegmentSpec(Model):
    """People who match all of the groups."""

    schema_ref: Reference = Field(description="The ContactSchema that declares the attributes and events named here.")
    all_of: Annotated[list[AnyOf], Field(max_length=16)] = Field(
        default_factory=list, description="Every group must match. An empty list is everybody."
    )


class Segment(Resource):
    """A declared set of people."""

    short_names: ClassVar[tuple[str, ...]] = ("seg",)
    plural: ClassVar[str] = "segments"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = (("Schema", "string", ".spec.schemaRef.name"),)

    kind: Literal["Segment"] = "Segment"
    spec: SegmentSpec = Field(description="Who is in it.")
