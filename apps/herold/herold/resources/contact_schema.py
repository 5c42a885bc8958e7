"""ContactSchema: what is known about people. A typo in a segment or template is an error because of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from herold.resources.meta import Model, Resource
from herold.resources.scalars import Identifier, Name, Text

AttributeType = Literal["String", "Integer", "Decimal", "Boolean", "Date", "Timestamp"]


class Attribute(Model):
    """A declared attribute of a contact, or property of an event."""

    name: Identifier
    type: AttributeType
    description: Text = ""


class Event(Model):
    """A declared event."""

    name: Identifier
    description: Text = ""
    properties: Annotated[list[Attribute], Field(max_length=32)] = Field(default_factory=list)


class Topic(Model):
    """A subject on which people grant or withdraw consent."""

    name: Identifier
    description: Text = ""


class ContactSchemaSpec(Model):
    """Attributes, events, brands and topics of consent."""

    attributes: Annotated[list[Attribute], Field(max_length=256)] = Field(default_factory=list)
    events: Annotated[list[Event], Field(max_length=256)] = Field(default_factory=list)
    brands: Annotated[list[Name], Field(min_length=1, max_length=32)]
    topics: Annotated[list[Topic], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _unique(self) -> ContactSchemaSpec:
        for what, names in (
            ("attributes", [a.name for a in self.attributes]),
            ("events", [e.name for e in self.events]),
            ("topics", [t.name for t in self.topics]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} declares {', '.join(twice)} twice")
        return self


class ContactSchema(Resource):
    """What is known about people."""

    short_names: ClassVar[tuple[str, ...]] = ("cschema",)
    plural: ClassVar[str] = "contactschemas"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = ()

    kind: Literal["ContactSchema"] = "ContactSchema"
    spec: ContactSchemaSpec
