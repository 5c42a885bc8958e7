"""Placeholders of templates: `{{ expression }}` and `{% if … %}`, found before anything else reads the source.

The language is a small part of Jinja's, checked here word by word: names, literals, comparisons, a few filters and
tests, `if` and `for`. What reaches out of a message (include, import, extends), defines (macro, set, block), calls
methods, or multiplies is not in it, so that a template can neither read its surroundings nor outgrow its fuel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

FILTERS = frozenset(
    {"abs", "capitalize", "first", "float", "int", "last", "length", "lower", "replace", "round", "title", "trim"}
    | {"upper"}
)
TESTS = frozenset({"divisibleby", "endingwith", "even", "odd", "startingwith"})
_STATEMENTS = frozenset({"if", "elif", "else", "endif", "for", "endfor"})
_WORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "elif", "for", "true", "false", "none"})
_INSTEAD = {
    "default": "give the default once, under attributeDefaults or variables",
    "d": "give the default once, under attributeDefaults or variables",
    "defined": "give a default under attributeDefaults, and compare with that",
    "undefined": "give a default under attributeDefaults, and compare with that",
    "none": "give a default under attributeDefaults, and compare with that",
    "safe": "remove it: what people's attributes hold is always escaped",
    "escape": "remove it: insertions are escaped for the place where they stand",
    "e": "remove it: insertions are escaped for the place where they stand",
    "urlencode": "remove it: insertions in links are escaped for links",
}

_OPEN = re.compile(r"\{\{|\{%")
_INSIDE = re.compile(r"""'[^'\n]*'|"[^"\n]*"|[-+]?\}\}|[-+]?%\}|\{\{|\{%|.""", re.DOTALL)
_TOKEN = re.compile(
    r"""\s+|(?P<text>'[^'\\\n\r]*'|"[^"\\\n\r]*")|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<sign>==|!=|<=|>=|//|[<>+\-~/%.,()|\[\]])"""
)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`kind`: what its braces say. `code`: what stands between them, without the marks of trimming."""

    kind: Literal["insertion", "statement"]
    code: str
    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong in a source: the line (from 1), what it is, and what to write instead."""

    line: int
    message: str
    fix: str | None = None


def split(source: str) -> tuple[list[str | Placeholder], list[Flaw]]:
    """The literals and placeholders of a source, in order; adjoining them again gives the source."""
    pieces: list[str | Placeholder] = []
    flaws: list[Flaw] = []
    at, line = 0, 1
    while opening := _OPEN.search(source, at):
        literal = source[at : opening.start()]
        line += literal.count("\n")
        closing = "}}" if opening[0] == "{{" else "%}"
        end = opening.end()
        for inside in _INSIDE.finditer(source, end):
            if inside[0].lstrip("-+") == closing or inside[0] in ("{{", "{%"):
                break
        else:
            inside = None
        if inside is None or inside[0] in ("{{", "{%"):
            flaws.append(Flaw(line, f"{opening[0]} is never closed", f"close it with {closing}"))
            pieces.append(source[at:])
            return pieces, flaws
        if literal:
            pieces.append(literal)
        code = source[end : inside.start()].lstrip("-+").strip()
        whole = source[opening.start() : inside.end()]
        pieces.append(Placeholder("insertion" if closing == "}}" else "statement", code, whole, line))
        line += whole.count("\n")
        at = inside.end()
    if at < len(source):
        pieces.append(source[at:])
    return pieces, flaws


def flaws_of(placeholder: Placeholder) -> list[Flaw]:
    """What a placeholder says that the language does not have."""
    line, code = placeholder.line, placeholder.code
    if not code:
        return [Flaw(line, f"{placeholder.source} is empty", "remove it")]
    word = re.split(r"\W", code, maxsplit=1)[0]
    if placeholder.kind == "statement" and word not in _STATEMENTS:
        near = get_close_matches(word, _STATEMENTS, n=1)
        fix = f"write {near[0]}" if near else "templates have if, elif, else, endif, for and endfor only"
        return [Flaw(line, f"{{% {word} %}} is not part of the template language", fix)]
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(code):
        match = _TOKEN.match(code, at)
        if match is None:
            what = code[at]
            return [Flaw(line, f"{what!r} in {placeholder.source} is not part of the template language")]
        if match.lastgroup:
            tokens.append((match.lastgroup, match[0]))
        at = match.end()
    return [flaw for index in range(len(tokens)) if (flaw := _word(tokens, index, line)) is not None]


def _word(tokens: list[tuple[str, str]], index: int, line: int) -> Flaw | None:
    kind, word = tokens[index]
    before = tokens[index - 1][1] if index else ""
    if kind == "sign" and word == "[" and before != "in":
        return Flaw(line, "a list may stand after `in` only", "write x in ['a', 'b']")
    if kind != "name":
        return None
    if before == "|":
        return _unknown("filter", word, FILTERS, line)
    is_test = before == "is" or (before == "not" and index > 1 and tokens[index - 2][1] == "is")
    if is_test and word != "not":
        return _unknown("test", word, TESTS, line)
    if word.startswith("_") or word in ("self", "super"):
        return Flaw(line, f"nothing is called {word}")
    called = index + 1 < len(tokens) and tokens[index + 1] == ("sign", "(")
    if called and (before == "." or word not in _WORDS | {"range"}):
        return Flaw(line, f"{word}(…): templates call nothing but range(…)")
    return None


def _unknown(what: str, word: str, known: frozenset[str], line: int) -> Flaw | None:
    if word in known:
        return None
    near = get_close_matches(word, known, n=1)
    fix = _INSTEAD.get(word) or (f"write {near[0]}" if near else f"the {what}s are {', '.join(sorted(known))}")
    return Flaw(line, f"{word} is not a {what} of the template language", fix)
