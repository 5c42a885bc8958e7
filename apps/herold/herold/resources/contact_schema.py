"""ContactSchema: what is known about people. A typo in a segment or template is an error because of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from herold.resources.meta import SET, Model, Resource, keyed_by, refuse_twice
from herold.resources.scalars import Identifier, Name, Text

AttributeType = Literal["String", "Integer", "Decimal", "Boolean", "Date", "Timestamp"]


class Attribute(Model):
    """A declared attribute of a contact, or property of an event."""

    name: Identifier = Field(description="Templates read an attribute as `contact.<name>`.")
    type: AttributeType = Field(
        description="How values are read: `Integer` 12, `Decimal` 12.50, `Boolean` true or false, `Date` 2026-12-01, "
        "`Timestamp` 2026-12-01T09:00:00Z, `String` any text."
    )
    description: Text = Field(default="", description="What it means, for whoever writes segments.")


class Event(Model):
    """A declared event."""

    name: Identifier = Field(description="Name under which events arrive.")
    description: Text = Field(default="", description="When it happens, for whoever writes segments.")
    properties: Annotated[list[Attribute], Field(max_length=32)] = Field(
        default_factory=list,
        description="What each event carries; each name once.",
        json_schema_extra=keyed_by("name"),
    )

    @model_validator(mode="after")
    def _unique(self) -> Event:
        refuse_twice((each.name for each in self.properties), "properties", name="name")
        return self


class Topic(Model):
    """A subject on which people grant or withdraw consent."""

    name: Identifier = Field(description="Name by which campaigns and consents call it.")
    description: Text = Field(default="", description="What people agree to.")


class ContactSchemaSpec(Model):
    """Attributes, events, brands and topics of consent."""

    attributes: Annotated[list[Attribute], Field(max_length=256)] = Field(
        default_factory=list,
        description="What may be known about a person; each name once.",
        json_schema_extra=keyed_by("name"),
    )
    events: Annotated[list[Event], Field(max_length=256)] = Field(
        default_factory=list,
        description="What people may do; each name once. Orders are always there and need no declaration.",
        json_schema_extra=keyed_by("name"),
    )
    brands: Annotated[list[Name], Field(min_length=1, max_length=32)] = Field(
        description="Brands to which these people gave consent; each once.", json_schema_extra=SET
    )
    topics: Annotated[list[Topic], Field(min_length=1, max_length=64)] = Field(
        description="Topics of consent; each name once.", json_schema_extra=keyed_by("name")
    )

    @model_validator(mode="after")
    def _unique(self) -> ContactSchemaSpec:
        refuse_twice((each.name for each in self.attributes), "attributes", name="name")
        refuse_twice((each.name for each in self.events), "events", name="name")
        refuse_twice((each.name for each in self.topics), "topics", name="name")
        refuse_twice(self.brands, "brands")
        return self


class ContactSchema(Resource):
    """What is known about people."""

    short_names: ClassVar[tuple[str, ...]] = ("cschema",)
    plural: ClassVar[str] = "contactschemas"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = (("Brands", "string", ".spec.brands"),)

    kind: Literal["ContactSchema"] = "ContactSchema"
    spec: ContactSchemaSpec = Field(description="What is declared.")
