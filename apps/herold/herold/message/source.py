"""Sources of templates, read once: what is wrong with them, and what the renderer gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from minijinja import Environment, TemplateError

from herold.message.html import compile_html
from herold.message.placeholders import Flaw, Placeholder, flaws_of, split
from herold.resources.contact_schema import ContactSchema
from herold.resources.template import Content, MessageTemplate

# What templates may read beside contact.<attribute> and vars.<name>.
GLOBALS = ("sender.name", "sender.address", "sender.postal_address", "campaign.name", "locale", "unsubscribe_url")
_BUILT_IN = frozenset({"range"})
_LINK_VARIABLE = re.compile(r"\{\{ \(vars\.(\w+)\)\|herold_link \}\}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_PARSER = Environment(pycompat=False, debug=False, comment_start_string="{##herold##", comment_end_string="##herold##}")


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
    """One locale for the renderer. `moving`: its parts that differ between recipients. `references`: the HTML may be
    written in ASCII, with character references for the rest. `links`: variables that begin a link."""

    subject: str
    text: str
    html: str | None
    references: bool
    attributes: frozenset[str]
    moving: frozenset[str]
    links: frozenset[str]


def template_mistakes(template: MessageTemplate, schema: ContactSchema) -> list[TemplateMistake]:
    """Everything that is wrong with the sources of a template."""
    return read_template(template, schema)[1]


def read_template(
    template: MessageTemplate, schema: ContactSchema
) -> tuple[dict[str, CompiledSource], list[TemplateMistake]]:
    """The sources by locale, and every mistake; the sources are complete when there is none."""
    spec = template.spec
    known = {f"contact.{each.name}" for each in schema.spec.attributes}
    mistakes = [
        TemplateMistake(
            ("spec", "attributeDefaults", index, "name"),
            f"the ContactSchema {schema.metadata.name} declares no attribute {default.name}",
            _nearest(f"contact.{default.name}", known, len("contact.")),
        )
        for index, default in enumerate(spec.attribute_defaults)
        if f"contact.{default.name}" not in known
    ]
    known |= {f"vars.{each.name}" for each in spec.variables} | set(GLOBALS)
    sources: dict[str, CompiledSource] = {}
    for index, content in enumerate(spec.contents):
        source, flaws = _read_content(content, known)
        if source:
            sources[content.locale] = source
        mistakes += [
            TemplateMistake(
                ("spec", "contents", index, part), f"{content.locale}, line {flaw.line}: {flaw.message}", flaw.fix
            )
            for part, flaw in flaws
        ]
    return sources, mistakes


def _read_content(content: Content, known: set[str]) -> tuple[CompiledSource | None, list[tuple[str, Flaw]]]:
    parts = {"subject": " ".join(content.subject.split()), "text": _lines(content.text)}
    named = {"subject": content.subject, "text": content.text}
    if content.mjml:
        named |= {"preheader": content.preheader or "", "mjml": content.mjml}
    flaws = [(part, flaw) for part, source in named.items() for flaw in _flaws(source, known)]
    html = None
    if content.mjml and not any(part in ("mjml", "preheader") for part, _ in flaws):
        if content.preheader and re.search(r"<mj-preview[\s/>]", content.mjml):
            flaws.append(("preheader", Flaw(1, "mj-preview is a preheader already", "remove one of the two")))
        html, more = compile_html(content.mjml, content.preheader, content.locale)
        flaws += [("mjml", flaw) for flaw in more]
    if flaws:
        return None, flaws
    if html:
        parts["html"] = html.template
    names = {part: _names(source) for part, source in parts.items()}
    return (
        CompiledSource(
            parts["subject"],
            parts["text"],
            parts.get("html"),
            html is not None and html.references,
            frozenset(name.removeprefix("contact.") for each in names.values() for name in each if _personal(name)),
            frozenset(part for part, each in names.items() if "unsubscribe_url" in each or any(map(_personal, each))),
            frozenset(_LINK_VARIABLE.findall(parts.get("html", ""))),
        ),
        [],
    )


def _personal(name: str) -> bool:
    return name.startswith("contact.")


def _lines(text: str) -> str:
    """With CRLF after each line, the last one too."""
    return "\r\n".join(re.split(r"\r\n|\r|\n", text.rstrip("\r\n"))) + "\r\n"


def _names(source: str) -> set[str]:
    """The names from outside that a source reads, as it spells them: `contact.first_name`."""
    return set(_PARSER.undeclared_variables_in_str(source, nested=True))


def _flaws(source: str, known: set[str]) -> list[Flaw]:
    pieces, flaws = split(source)
    placeholders = [piece for piece in pieces if isinstance(piece, Placeholder)]
    for placeholder in placeholders:
        flaws += flaws_of(placeholder)
    for control in _CONTROL.finditer(source):
        line = source.count("\n", 0, control.start()) + 1
        flaws.append(Flaw(line, f"U+{ord(control[0]):04X} is a control character", "remove it"))
    return flaws or _name_flaws(source, placeholders, known)


def _name_flaws(source: str, placeholders: list[Placeholder], known: set[str]) -> list[Flaw]:
    # Literals say nothing here, and MJML's may confuse the parser; lines are kept.
    code = "".join(
        piece.source if isinstance(piece, Placeholder) else "\n" * piece.count("\n") for piece in split(source)[0]
    )
    try:
        _PARSER.add_template("code", code)
    except TemplateError as error:
        line = getattr(error, "line", None)
        return [Flaw(line if isinstance(line, int) else 1, f"the template can't be read: {error.message}")]
    flaws = []
    for name in sorted(_names(code) - known - _BUILT_IN):
        spelled = re.compile(rf"\b{re.escape(name)}\b")
        line = next((each.line for each in placeholders if spelled.search(each.code)), 1)
        flaws.append(Flaw(line, f"nothing is called {name}", _nearest(name, known)))
    return flaws


def _nearest(name: str, known: set[str], skip: int = 0) -> str:
    space, dot, last = name.partition(".")
    # Beside the right word before the dot only what follows it is compared.
    beside = {each.removeprefix(f"{space}."): each for each in known if dot and each.startswith(f"{space}.")}
    near = [beside[each] for each in get_close_matches(last, beside, n=2)]
    if not near:
        near = sorted(each for each in known if each.startswith(f"{name}."))[:3] or get_close_matches(name, known, n=1)
    if near:
        return f"write {' or '.join(each[skip:] for each in near)}"
    names = sorted(each[skip:] for each in known)
    return f"there are {', '.join(names[:20])}" if names else "the ContactSchema declares none"
