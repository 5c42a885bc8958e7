"""Made-up people: the same each time, in every locale, and harmless to any template."""

from __future__ import annotations

import pytest

from herold.message.compose import wire
from herold.message.personas import personas
from message.letters import ATTRIBUTES, composer, contents, declared
from message.reader import check_wire

TEXT = "".join(f"{{{{ contact.{name} }}}}\n" for name in (*ATTRIBUTES, "points", "vip"))


@pytest.mark.parametrize("locale", ["en", "pl", "de-AT", "ar", "xx"])
def test_every_persona_gets_a_message(locale: str) -> None:
    campaign = declared(
        contents=contents(TEXT, locale=locale, mjml=f"<mjml><mj-body><mj-raw>{TEXT}</mj-raw></mj-body></mjml>"),
        defaultLocale=locale,
        attributeDefaults=[{"name": "city", "default": "your city"}],
    )
    letters = composer(campaign)
    people = personas(campaign.schema, locale, needed=letters.template.missing_defaults)
    assert [person.kind for person in people] == ["Rich", "Bare", "Hostile"]
    assert people == personas(campaign.schema, locale, needed=letters.template.missing_defaults)
    assert "city" not in people[1].recipient.attributes
    for person in people:
        assert person.recipient.address.endswith(".example")
        sent = wire(letters.compose(person.recipient))
        check_wire(sent)
        assert b"<script" not in sent.partition(b"text/html")[2]


def test_personas_have_what_the_schema_declares() -> None:
    campaign = declared()
    rich, bare, hostile = (person.recipient.attributes for person in personas(campaign.schema, "en"))
    declared_names = {each.name for each in campaign.schema.spec.attributes}
    assert set(rich) == set(hostile) == declared_names
    assert bare == {}
