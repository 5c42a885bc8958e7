"""Made-up people, for the samples of a plan and for test mails: the same ones each time, and nobody real."""

from __future__ import annotations

from dataclasses import dataclass

from herold.message.compose import Recipient
from herold.resources.contact_schema import Attribute, ContactSchema

_NAMES = {
    "pl": ("Zażółć", "Gęślewicz", "Łódź"),
    "de": ("Jürgen", "Groß-Müller", "Köln"),
    "fr": ("Zoé", "d’Œuvre", "Besançon"),
    "es": ("Íñigo", "Muñoz", "A Coruña"),
    "cs": ("Jiří", "Dvořák", "Plzeň"),
    "uk": ("Олена", "Шевченко", "Львів"),
    "el": ("Ελένη", "Παπαδάκη", "Αθήνα"),
    "ja": ("花子", "山田", "東京"),
    "zh": ("小明", "王", "北京"),
    "ar": ("ليلى", "حداد", "عمّان"),
    "he": ("נועה", "כהן", "חיפה"),
    "hi": ("आशा", "शर्मा", "दिल्ली"),
}
_ENGLISH = ("Ann", "O'Neil", "Newcastle upon Tyne")
_HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "Ann\r\nBcc: everybody@customers.example",
    "{{ contact.email }}{% include '/etc/passwd' %}",
    "👩‍👩‍👧‍👦 مرحبا \u202eevil\u202c & co",
    "Wolfeschlegelsteinhausenbergerdorff" * 6,
)
_TYPED: dict[str, tuple[object, object]] = {
    "Integer": (1_250, -999_999_999),
    "Decimal": ("49.90", "-0.000001"),
    "Boolean": (True, False),
    "Date": ("2026-02-28", "0001-01-01"),
    "Timestamp": ("2026-02-28T09:30:00Z", "9999-12-31T23:59:59Z"),
}


@dataclass(frozen=True, slots=True)
class Persona:
    """`kind`: Rich has every attribute; Bare only what the template can't do without; Hostile has long and harmful
    values in every string."""

    kind: str
    locale: str
    recipient: Recipient


def personas(schema: ContactSchema, locale: str, *, needed: tuple[str, ...] = ()) -> list[Persona]:
    """Three people of a locale. `needed`: inserted attributes without a default (CompiledTemplate.missing_defaults)."""
    declared = schema.spec.attributes
    rich = {each.name: _rich(each, locale) for each in declared}
    hostile = {each.name: _hostile(each, index) for index, each in enumerate(declared)}
    kinds = {"Rich": rich, "Bare": {name: rich[name] for name in needed if name in rich}, "Hostile": hostile}
    return [
        Persona(kind, locale, Recipient(index, 0, f"{kind.lower()}.{locale.lower()}@personas.example", locale, values))
        for index, (kind, values) in enumerate(kinds.items())
    ]


def _rich(attribute: Attribute, locale: str) -> object:
    if attribute.type != "String":
        return _TYPED[attribute.type][0]
    first, last, city = _NAMES.get(locale[:2], _ENGLISH)
    name = attribute.name
    for words, value in (
        (("last_name", "surname", "family"), last),
        (("name", "nick"), first),
        (("city", "town", "place"), city),
        (("link", "url", "href"), "https://www.customers.example/a?b=1&c=2"),
        (("mail",), "ann@customers.example"),
        (("phone", "mobile"), "+44 20 7946 0000"),
        (("country",), locale[3:] or "GB"),
    ):
        if any(word in name for word in words):
            return value
    return f"{name.replace('_', ' ').capitalize()} {city}"


def _hostile(attribute: Attribute, index: int) -> object:
    if attribute.type != "String":
        return _TYPED[attribute.type][1]
    return _HOSTILE[index % len(_HOSTILE)]
