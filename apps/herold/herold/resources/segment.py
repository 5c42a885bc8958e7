"""Segment: a declared set of people. All-of any-of, two levels; deeper by naming another segment."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from herold.resources.meta import Model, Reference, Resource
from herold.resources.scalars import Duration, Identifier, Money, Name

Operator = Literal["In", "Exists", "LessThan", "AtMost", "AtLeast", "GreaterThan", "StartsWith"]
Value = Annotated[str, Field(max_length=256)]


class Comparison(Model):
    """`name operator values`: values are strings, read by the declared type.

    `In` takes one or more values, `Exists` none, all others exactly one. Whoever lacks the attribute does not match.
    """

    name: Identifier
    operator: Operator = "In"
    values: Annotated[list[Value], Field(max_length=256)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _arity(self) -> Comparison:
        count = len(self.values)
        if self.operator == "Exists" and count:
            raise ValueError("Exists takes no values")
        if self.operator == "In" and not count:
            raise ValueError("In takes at least one value")
        if self.operator not in ("Exists", "In") and count != 1:
            raise ValueError(f"{self.operator} takes exactly one value")
        return self


class EventCondition(Model):
    """How often an event happened, and when last."""

    name: Identifier
    within: Duration | None = Field(default=None, description="Only events of the last … count; without it all do.")
    at_least: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    at_most: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    last_older_than: Duration | None = Field(
        default=None, description="The latest counted event is older than this (there is one)."
    )
    where: Annotated[list[Comparison], Field(max_length=8)] = Field(
        default_factory=list, description="Only events whose properties match all of these count."
    )


class OrderCondition(Model):
    """How many orders, for how much, and when last."""

    within: Duration | None = Field(default=None, description="Only orders of the last … count; without it all do.")
    at_least: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    at_most: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    total_at_least: Money | None = Field(default=None, description="Sum of the counted orders' amounts.")
    total_at_most: Money | None = None
    last_older_than: Duration | None = Field(
        default=None, description="The latest counted order is older than this (there is one)."
    )


class ConsentCondition(Model):
    """The person's current consent is `Granted`."""

    brand: Name
    topic: Identifier
    channel: Literal["Email"] = "Email"


class Condition(Model):
    """Exactly one of the five, possibly negated. Negation is two-valued: who does not match, matches the negation."""

    negate: bool = False
    attribute: Comparison | None = None
    event: EventCondition | None = None
    order: OrderCondition | None = None
    consent: ConsentCondition | None = None
    segment_ref: Reference | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Condition:
        given = [n for n in ("attribute", "event", "order", "consent", "segment_ref") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("name exactly one of attribute, event, order, consent, segmentRef")
        return self


class AnyOf(Model):
    """Matches whoever matches any of the conditions."""

    any_of: Annotated[list[Condition], Field(min_length=1, max_length=16)]


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
    spec: SegmentSpec
