"""Made-up readers of a message, as few as see every branch of it: whoever looks at a proof sees what anybody may get.

Which branches somebody's message takes is not worked out but tried: the statements of the template alone, with a mark
in each branch, are rendered for people whose attributes are what the statements ask about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from herold.message.personas import personas
from herold.message.placeholders import Placeholder, split
from herold.message.template import CompiledContent, CompiledTemplate
from herold.message.values import clean
from herold.resources.contact_schema import ContactSchema
from herold.resources.template import MessageTemplate

_MOST_CANDIDATES = 200
_MOST_WORDS = 60  # characters
_FAR = {
    "Date": ("0001-01-01", "9999-12-31"),
    "Timestamp": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
}
_MARK = re.compile("<([0-9]+)>")
_WORD = re.compile(
    r"contact\.(?P<name>\w+)|(?P<text>'[^']*'|\"[^\"]*\")|(?P<number>\d+(?:\.\d+)?)|\b(?P<truth>true|false)\b"
)


@dataclass(frozen=True, slots=True)
class Reader:
    """`words`: who they are, as the template sees them. `attributes` are JSON values.

    `changed`: those in which they are not like somebody with every attribute; None where they are like nobody else.
    """

    words: str
    attributes: Mapping[str, object]
    changed: frozenset[str] | None = None

    def and_(self, other: Reader) -> Reader | None:
        """Both at once; None where that can't be."""
        if self.changed is None or other.changed is None or self.changed & other.changed:
            return None
        attributes = {**self.attributes, **{name: other.attributes[name] for name in other.changed}}
        return Reader(f"{self.words}, {other.words}", attributes, self.changed | other.changed)

    def told_apart(self, others: Iterable[Reader]) -> Reader:
        """With words of bounded length that none of the others has: by them a proof is known again."""
        words = clean(self.words)
        words = words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}…"
        known = [each.words for each in others]
        return replace(self, words=words if words not in known else f"{words} ({len(known) + 1})")


@dataclass(frozen=True, slots=True)
class Readers:
    """Of one locale. `missed`: branches that none of them sees, of `branches`."""

    chosen: tuple[Reader, ...]
    missed: int
    branches: int


def choose_readers(
    template: MessageTemplate, schema: ContactSchema, compiled: CompiledTemplate, locale: str, *, most: int
) -> Readers:
    """At most `most` readers of a locale of the template, somebody with every attribute first."""
    declared = next(each for each in template.spec.contents if each.locale == locale)
    sources = [each for each in (declared.subject, declared.preheader, declared.mjml, declared.text) if each]
    marked, branches = _marked(sources)
    content = compiled.content(locale)

    def see(reader: Reader) -> frozenset[int]:
        return _taken(content, marked, reader)

    first, *others = _candidates(sources, schema, locale, compiled.missing_defaults)
    chosen, seen = [first], see(first)
    while len(chosen) < most:
        # The first of those that see most: what is simple stands before what is contrived.
        best = max(others, key=lambda each: len(see(each) - seen))
        if not see(best) - seen:
            break
        for each in others:
            both = best.and_(each)
            if both is not None and len(see(both) - seen) > len(see(best) - seen):
                best = both
        seen |= see(best)
        chosen.append(best.told_apart(chosen))
    return Readers(tuple(chosen), branches - len(seen), branches)


def _marked(sources: Iterable[str]) -> tuple[str, int]:
    """The statements of all sources with a mark in each branch, and how many marks there are."""
    parts: list[str] = []
    marks = 0
    for source in sources:
        without_else: list[bool] = []
        for piece in split(source)[0]:
            if not isinstance(piece, Placeholder) or piece.kind != "statement":
                continue
            word = re.split(r"\W", piece.code, maxsplit=1)[0]
            if word in ("if", "for"):
                without_else.append(word == "if")
            if word == "else":
                without_else[-1] = False
            if word in ("endif", "endfor") and without_else.pop():
                parts.append(f"{{% else %}}<{marks}>")  # that nothing stands there is a branch too
                marks += 1
            parts.append(f"{{% {piece.code} %}}")
            if word not in ("endif", "endfor"):
                parts.append(f"<{marks}>")
                marks += 1
    return "".join(parts), marks


def _taken(content: CompiledContent, marked: str, reader: Reader) -> frozenset[int]:
    """Empty for somebody to whom the message can't be sent."""
    rendered = content.evaluate(marked, reader.attributes)
    return frozenset(int(mark) for mark in _MARK.findall(rendered or ""))


def _candidates(sources: Iterable[str], schema: ContactSchema, locale: str, needed: tuple[str, ...]) -> list[Reader]:
    rich, bare = (each.recipient.attributes for each in personas(schema, locale, needed=needed)[:2])
    found = {"": Reader("everything known", dict(rich)), "-": Reader("hardly anything known", dict(bare))}
    types = {each.name: each.type for each in schema.spec.attributes}
    for source in sources:
        for piece in split(source)[0]:
            if isinstance(piece, Placeholder) and piece.kind == "statement":
                for change in _changes(piece.code, types):
                    words = ", ".join(f"{name}: {_told(value)}" for name, value in change.items())
                    found.setdefault(words, Reader(words, {**rich, **change}, frozenset(change)))
    return list(found.values())[:_MOST_CANDIDATES]


def _changes(code: str, types: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Attributes as a statement may ask for them: one by one, and all of them at once."""
    together: dict[str, object] = {}
    asked = ""
    for word in _WORD.finditer(code):
        if word["name"] is not None:
            asked = word["name"]
            if types.get(asked) == "Boolean":
                yield {asked: True}
                yield {asked: False}
            continue
        for index, value in enumerate(_values(word, types.get(asked, ""))):
            yield {asked: value}
            if index == 0:
                together[asked] = value
    if len(together) > 1:
        yield together


def _values(word: re.Match[str], kind: str) -> Iterator[object]:
    """What a literal of the template makes of an attribute of that type: equal to it, below and above."""
    if kind == "String" and word["text"] is not None:
        yield word["text"][1:-1]
    elif kind in ("Date", "Timestamp") and word["text"] is not None:
        yield from (word["text"][1:-1], *_FAR[kind])
    elif kind == "Integer" and word["number"] is not None:
        number = int(float(word["number"]))
        yield from (number, number - 1, number + 1)
    elif kind == "Decimal" and word["number"] is not None:
        amount = float(word["number"])
        yield from (amount, amount - 1, amount + 1)
    elif kind == "Boolean" and word["truth"] is not None:
        yield word["truth"] == "true"


def _told(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value) or "empty"
