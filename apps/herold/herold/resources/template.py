"""MessageTemplate: subject, body and preheader per locale."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from herold.resources.meta import Model, Reference, Resource
from herold.resources.scalars import Identifier, Locale, Text


class Content(Model):
    """The message in one locale. `text` alone makes a plain message; with `mjml`, `text` is its plain part."""

    locale: Locale
    subject: Annotated[str, Field(min_length=1, max_length=512)]
    preheader: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="Shown by mail clients after the subject."
    )
    mjml: Annotated[str, Field(max_length=262_144)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=262_144)] = Field(
        description="The plain-text body, or the plain part beside the HTML."
    )

    @model_validator(mode="after")
    def _preheader(self) -> Content:
        if self.preheader and not self.mjml:
            raise ValueError("a preheader needs an mjml body")
        return self


class Variable(Model):
    """A value that the campaign gives."""

    name: Identifier
    default: Text | None = Field(default=None, description="Without a default every campaign must give it.")


class AttributeDefault(Model):
    """What to write for people who lack the attribute."""

    name: Identifier
    default: Text


class MessageTemplateSpec(Model):
    """The message in all its locales."""

    schema_ref: Reference = Field(description="The ContactSchema that declares the attributes inserted here.")
    channel: Literal["Email"] = "Email"
    default_locale: Locale = Field(description="For people whose locale (and its language) has no content.")
    variables: Annotated[list[Variable], Field(max_length=64)] = Field(default_factory=list)
    attribute_defaults: Annotated[list[AttributeDefault], Field(max_length=64)] = Field(default_factory=list)
    contents: Annotated[list[Content], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _locales(self) -> MessageTemplateSpec:
        locales = [content.locale for content in self.contents]
        if len(set(locales)) != len(locales):
            raise ValueError("contents names a locale twice")
        if self.default_locale not in locales:
            raise ValueError(f"defaultLocale {self.default_locale} has no entry in contents")
        return self


class MessageTemplate(Resource):
    """Subject, body and preheader per locale."""

    short_names: ClassVar[tuple[str, ...]] = ("mtpl",)
    plural: ClassVar[str] = "messagetemplates"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = (("Default", "string", ".spec.defaultLocale"),)

    kind: Literal["MessageTemplate"] = "MessageTemplate"
    spec: MessageTemplateSpec
