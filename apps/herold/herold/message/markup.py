"""Where the marks of placeholders stand in HTML or MJML: in text, in the value of an attribute, or where nothing may be
inserted. Reads markup as browsers do (WHATWG HTML 13.2.5), as far as it decides that question."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Text in which no character can be escaped.
_RAW = frozenset(
    {"script", "style", "mj-style", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext", "textarea"}
)
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*)")
_ATTRIBUTE = re.compile(
    r"""[\s/]*(=?[^\s/>=]*)(\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>]*)))?"""
)
# Outlook reads what stands inside as markup; for others it is a comment, which no escaped value can end.
_CONDITIONAL = re.compile(r"<!--\[if[^\]]*\]>(?:<!-->|-->)?|<!(?:--<!)?\[endif\](?:--)?>")


@dataclass(frozen=True, slots=True)
class Spot:
    """One mark. `refused`: why nothing may be inserted there; "" where it may. In an attribute, `element` and
    `attribute` name it (lower case) and `before` is its value up to the mark."""

    start: int
    end: int
    number: int
    refused: str = ""
    element: str = ""
    attribute: str = ""
    before: str = ""


@dataclass(slots=True)
class Scan:
    """`gaps`: places inside tags where a line may be broken. `elements`: names of all elements, in lower case.
    `raw`: whether an element of which the text can't be escaped holds something outside ASCII."""

    spots: list[Spot] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    elements: set[str] = field(default_factory=set)
    raw: bool = False


def scan(markup: str, mark: re.Pattern[str]) -> Scan:
    """All marks in `markup`, in order. `mark` has one group: the number. A comment that is nothing but a mark
    counts as text."""
    return _Scanner(markup, mark).run()


class _Scanner:
    def __init__(self, markup: str, mark: re.Pattern[str]) -> None:
        self._markup = markup
        self._mark = mark
        self._scan = Scan()

    def run(self) -> Scan:
        markup, at = self._markup, 0
        while at < len(markup):
            opening = markup.find("<", at)
            if opening < 0:
                opening = len(markup)
            self._note(at, opening)
            at = self._after(opening) if opening < len(markup) else opening
        return self._scan

    def _note(self, start: int, end: int, refused: str = "") -> None:
        for match in self._mark.finditer(self._markup, start, end):
            self._scan.spots.append(Spot(match.start(), match.end(), int(match[1]), refused))

    def _after(self, at: int) -> int:
        """The end of what begins with `<` at `at`."""
        markup = self._markup
        if conditional := _CONDITIONAL.match(markup, at):
            return conditional.end()
        if markup.startswith("<!--", at):
            return self._comment(at)
        if markup.startswith(("<!", "<?"), at):
            end = markup.find(">", at) + 1 or len(markup)
            self._note(at, end, "a declaration")
            return end
        tag = _TAG.match(markup, at)
        if tag is None:
            return at + 1
        return self._tag(tag)

    def _comment(self, at: int) -> int:
        markup = self._markup
        for empty in ("<!-->", "<!--->"):
            if markup.startswith(empty, at):
                return at + len(empty)
        end = markup.find("-->", at + 4) + 3
        if end < 3:
            end = len(markup)
        alone = self._mark.fullmatch(markup, at + 4, end - 3)
        if alone:
            self._scan.spots.append(Spot(at, end, int(alone[1])))
        else:
            self._note(at, end, "a comment")
        return end

    def _tag(self, tag: re.Match[str]) -> int:
        markup, element = self._markup, tag[2].lower()
        self._note(tag.start(), tag.end(), "the name of a tag")
        self._scan.elements.add(element)
        at = tag.end()
        if not tag[1] and markup[at : at + 1].isspace():
            self._scan.gaps.append(at)
        while at < len(markup) and markup[at] != ">":
            match = _ATTRIBUTE.match(markup, at)
            if match is None or match.end() == at:
                at += 1
                continue
            self._attribute(element, match)
            at = match.end()
        if at >= len(markup):
            # Never closed: a browser drops it, another reader may not.
            self._scan.spots = [spot for spot in self._scan.spots if spot.start < tag.start()]
            self._note(tag.start(), at, "a tag that is never closed")
            return at
        at += 1
        closed = element.startswith("mj") and markup[at - 2] == "/"
        return self._raw(element, at) if element in _RAW and not tag[1] and not closed else at

    def _attribute(self, element: str, match: re.Match[str]) -> None:
        self._note(match.start(1), match.end(1), "the name of an attribute")
        if match["bare"] is not None:
            self._note(match.start("bare"), match.end("bare"), "an attribute without quotes")
            return
        quoted = "double" if match["double"] is not None else "single"
        if match[quoted] is None:
            return
        start, end = match.span(quoted)
        for mark in self._mark.finditer(self._markup, start, end):
            before = self._markup[start : mark.start()]
            self._scan.spots.append(Spot(mark.start(), mark.end(), int(mark[1]), "", element, match[1].lower(), before))

    def _raw(self, element: str, at: int) -> int:
        closing = re.compile(rf"</{re.escape(element)}[\s/>]", re.IGNORECASE).search(self._markup, at)
        end = closing.start() if closing and element != "plaintext" else len(self._markup)
        self._note(at, end, f"a {element} element")
        self._scan.raw = self._scan.raw or not self._markup[at:end].isascii()
        return end
