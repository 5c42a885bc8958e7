"""Sources of templates: what is wrong with them, and what the renderer gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from minijinja import Environment, TemplateError

from herold.message.placeholders import Flaw, Placeholder, flaws_of, split
from herold.resources.contact_schema import ContactSchema
from herold.resources.template import Content, MessageTemplate

_SENDER = ("sender.name", "sender.address", "sender.postal_address")
_GLOBALS = (*_SENDER, "campaign.name", "locale", "unsubscribe_url")
_LOCAL = frozenset({"range", "loop"})
_PARSER = Environment(pycompat=False, debug=False)


@dataclass(frozen=True, slots=True)
class TemplateMistake:
    """`path` leads from the root of the resource to the field, like ("spec", "contents", 0, "subject")."""

    path: tuple[str | int, ...]
    message: str
    fix: str | None = None

    @property
    def dotted(self) -> str:
        """`spec.contents[0].subject`."""
        return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in self.path).lstrip(".")


@dataclass(frozen=True, slots=True)
class CompiledSource:
    """What the renderer gets. `moving`: parts that differ between recipients."""

    subject: str
    text: str
    html: str | None
    attributes: frozenset[str]
    moving: frozenset[str]


def compile_content(content: Content) -> CompiledSource:
    """One locale whose sources have no mistakes."""
    parts = {"subject": " ".join(content.subject.split()), "text": _lines(content.text)}
    names = {part: names_in(source) for part, source in parts.items()}
    return CompiledSource(
        parts["subject"],
        parts["text"],
        None,
        frozenset(name[8:] for each in names.values() for name in each if name.startswith("contact.")),
        frozenset(part for part, each in names.items() if _moves(each)),
    )


def _moves(names: set[str]) -> bool:
    return any(name == "unsubscribe_url" or name.startswith("contact.") for name in names)


def _lines(text: str) -> str:
    """With CRLF after each line, the last one too."""
    return "\r\n".join(re.split(r"\r\n|\r|\n", text.rstrip("\r\n"))) + "\r\n"


def names_in(source: str) -> set[str]:
    """The names from outside that a source reads, as far as they are spelled out: `contact.first_name`."""
    return set(_PARSER.undeclared_variables_in_str(source, nested=True))


def template_mistakes(template: MessageTemplate, schema: ContactSchema) -> list[TemplateMistake]:
    """Everything that is wrong with the sources of a template."""
    spec = template.spec
    known = {f"contact.{each.name}" for each in schema.spec.attributes}
    mistakes = [
        TemplateMistake(
            ("spec", "attributeDefaults", index, "name"),
            f"{schema.metadata.name} declares no attribute {default.name}",
            _nearest(f"contact.{default.name}", known),
        )
        for index, default in enumerate(spec.attribute_defaults)
        if f"contact.{default.name}" not in known
    ]
    known |= {f"vars.{each.name}" for each in spec.variables} | set(_GLOBALS)
    for index, content in enumerate(spec.contents):
        for part in ("subject", "text"):
            mistakes += [
                TemplateMistake(
                    ("spec", "contents", index, part), f"{content.locale}, line {flaw.line}: {flaw.message}", flaw.fix
                )
                for flaw in _flaws(getattr(content, part), known)
            ]
    return mistakes


def _flaws(source: str, known: set[str]) -> list[Flaw]:
    pieces, flaws = split(source)
    placeholders = [piece for piece in pieces if isinstance(piece, Placeholder)]
    for placeholder in placeholders:
        flaws += flaws_of(placeholder)
    if flaws:
        return flaws
    return flaws + name_flaws(source, placeholders, known)


def name_flaws(source: str, placeholders: list[Placeholder], known: set[str]) -> list[Flaw]:
    """Names that nobody declares, and what the renderer can't parse."""
    try:
        names = names_in(source)
        _PARSER.render_str("{% if false %}" + source + "{% endif %}")
    except TemplateError as error:
        line = getattr(error, "line", None) or 1
        return [Flaw(line, f"the template can't be read: {error.message}")]
    flaws = []
    for name in sorted(names - known - _LOCAL):
        line = next((each.line for each in placeholders if re.search(rf"\b{re.escape(name)}\b", each.code)), 1)
        flaws.append(Flaw(line, f"nothing is called {name} here", _nearest(name, known)))
    return flaws


def _nearest(name: str, known: set[str]) -> str:
    if name in ("contact", "vars", "sender", "campaign"):
        return f"write {name}.<name>"
    near = get_close_matches(name, known, n=2, cutoff=0.6)
    return f"write {' or '.join(near)}" if near else f"known are {', '.join(sorted(known))}"
