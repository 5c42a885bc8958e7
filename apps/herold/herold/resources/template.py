"""MessageTemplate: subject, body and preheader per locale."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from herold.resources.meta import Model, Reference, Resource, cel, keyed_by, refuse_twice, wrong
from herold.resources.scalars import Identifier, Locale, Text


class Content(Model):
    """The message in one locale. `text` alone makes a plain message; with `mjml`, `text` is its plain part."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!has(self.preheader) || self.preheader == '' || has(self.mjml)", "a preheader needs an mjml body")
        )
    )

    locale: Locale = Field(description="Language, or language and country, of the people who get this content.")
    subject: Annotated[str, Field(min_length=1, max_length=512)] = Field(description="Subject line.")
    preheader: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="Shown by mail clients after the subject. Needs an `mjml` body."
    )
    mjml: Annotated[str, Field(min_length=1, max_length=262_144)] | None = Field(
        default=None, description="The HTML body, written in MJML. Without it the message is plain text."
    )
    text: Annotated[str, Field(min_length=1, max_length=262_144)] = Field(
        description="The plain-text body, or the plain part beside the HTML."
    )

    @model_validator(mode="after")
    def _preheader(self) -> Content:
        if self.preheader and not self.mjml:
            raise wrong("a preheader needs an mjml body", "preheader", fix="remove the preheader, or write mjml")
        return self


class Variable(Model):
    """A value that the campaign gives."""

    name: Identifier = Field(description="The template reads it as `vars.<name>`.")
    default: Text | None = Field(default=None, description="Without a default every campaign must give it.")


class AttributeDefault(Model):
    """What to write for people who lack the attribute."""

    name: Identifier = Field(description="An attribute that the ContactSchema declares.")
    default: Text = Field(description="Written in its place.")


class MessageTemplateSpec(Model):
    """The message in all its locales."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("self.contents.exists(c, c.locale == self.defaultLocale)", "defaultLocale must have an entry in contents")
        )
    )

    schema_ref: Reference = Field(description="The ContactSchema that declares the attributes inserted here.")
    channel: Literal["Email"] = Field(default="Email", description="How the message travels.")
    default_locale: Locale = Field(description="For people whose locale (and its language) has no content.")
    variables: Annotated[list[Variable], Field(max_length=64)] = Field(
        default_factory=list,
        description="Values that campaigns give; each name once.",
        json_schema_extra=keyed_by("name"),
    )
    attribute_defaults: Annotated[list[AttributeDefault], Field(max_length=64)] = Field(
        default_factory=list,
        description="For attributes that some people lack; each name once. Without one, a person who lacks an "
        "inserted attribute is a violation in the plan.",
        json_schema_extra=keyed_by("name"),
    )
    contents: Annotated[list[Content], Field(min_length=1, max_length=32)] = Field(
        description="The message, once per locale.", json_schema_extra=keyed_by("locale")
    )

    @model_validator(mode="after")
    def _unique(self) -> MessageTemplateSpec:
        refuse_twice((each.locale for each in self.contents), "contents", name="locale")
        refuse_twice((each.name for each in self.variables), "variables", name="name")
        refuse_twice((each.name for each in self.attribute_defaults), "attributeDefaults", name="name")
        locales = [content.locale for content in self.contents]
        if self.default_locale not in locales:
            raise wrong(
                f"defaultLocale {self.default_locale} has no entry in contents",
                "defaultLocale",
                fix=f"write one of {', '.join(locales)}, or add that content",
            )
        return self


class MessageTemplate(Resource):
    """Subject, body and preheader per locale."""

    short_names: ClassVar[tuple[str, ...]] = ("mtpl",)
    plural: ClassVar[str] = "messagetemplates"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = (("Default", "string", ".spec.defaultLocale"),)

    kind: Literal["MessageTemplate"] = "MessageTemplate"
    spec: MessageTemplateSpec = Field(description="The message.")
