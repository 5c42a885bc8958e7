"""MJML sources to the HTML that the renderer gets: once for each locale, with every insertion escaped for its place."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from difflib import get_close_matches

import mrml

from herold.message.markup import Scan, Spot, scan
from herold.message.placeholders import Flaw, Placeholder, split

_LINE = 400  # octets after which a line is broken, where markup allows it; insertions may double it
_LINKS = frozenset({"href", "src", "action", "background", "cite"})
_WORDS = frozenset({"alt", "title", "aria-label", "aria-description", "abbr", "summary", "datetime"})
_MJML_ATTRIBUTES = frozenset({"href", "src", "alt", "title"})
_MJML = frozenset(
    {
        "mjml",
        "mj-head",
        "mj-body",
        "mj-attributes",
        "mj-all",
        "mj-class",
        "mj-breakpoint",
        "mj-font",
        "mj-html-attributes",
        "mj-selector",
        "mj-html-attribute",
        "mj-preview",
        "mj-style",
        "mj-title",
        "mj-accordion",
        "mj-accordion-element",
        "mj-accordion-title",
        "mj-accordion-text",
        "mj-button",
        "mj-carousel",
        "mj-carousel-image",
        "mj-column",
        "mj-divider",
        "mj-group",
        "mj-hero",
        "mj-image",
        "mj-navbar",
        "mj-navbar-link",
        "mj-raw",
        "mj-section",
        "mj-social",
        "mj-social-element",
        "mj-spacer",
        "mj-table",
        "mj-text",
        "mj-wrapper",
    }
)
_HEAD_ONLY = frozenset({"mj-font", "mj-html-attribute", "mj-selector", "mj-breakpoint", "mj-include"})
# MJML's own default loads a font from Google in everybody's mail client; a template may still ask for it by mj-font.
_DRAWN = mrml.RenderOptions(fonts={})
_HIDDEN = (
    '<div style="display:none;font-size:1px;color:#ffffff;line-height:1px;max-height:0px;max-width:0px;opacity:0;'
    'overflow:hidden;">'
)
_STYLE = re.compile(r"<style[^<>]*>[^<]*</style>")
_WHOLE_HOST = re.compile(r"\s*(?:https?://[^/?#\s]+[/?#]|mailto:|tel:)", re.IGNORECASE)
_HOST_BEGUN = re.compile(r"\s*https?://?[^/?#]*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Html:
    """A template for the renderer. `references`: what is outside ASCII may be written as character references."""

    template: str
    references: bool


def compile_html(mjml: str, preheader: str | None, locale: str) -> tuple[Html | None, list[Flaw]]:
    """The HTML of an MJML source, or what is wrong with it. The words inside placeholders are not looked at here."""
    pieces, flaws = split(mjml)
    before, more = split(preheader or "")
    flaws += more
    if flaws:
        return None, flaws
    marks = _Marks(mjml + (preheader or ""))
    source = "".join(piece if isinstance(piece, str) else marks.put(piece) for piece in pieces)
    found = scan(source, marks.pattern)
    flaws = _source_flaws(found, marks)
    if flaws:
        return None, flaws
    if not found.raw:
        # The reader panics on some sources, only where something is outside ASCII.
        source = source.encode("ascii", "xmlcharrefreplace").decode("ascii")
    rendered, flaw = _mrml(source)
    if flaw:
        return None, [flaw]
    kept = scan(rendered, marks.pattern)
    flaws = _lost(kept.spots, marks)
    if preheader:
        hidden = "".join(html.escape(piece) if isinstance(piece, str) else marks.put(piece) for piece in before)
        rendered = re.sub(r"<body[^<>]*>", lambda body: f"{body[0]}{_HIDDEN}{hidden}</div>", rendered, count=1)
        kept = scan(rendered, marks.pattern)
    rendered = _STYLE.sub(_without_indents, rendered).replace("\n  <o:", "\n<o:")
    rendered = rendered.replace('lang="und"', f'lang="{locale}"')
    if not kept.raw:
        rendered = rendered.encode("ascii", "xmlcharrefreplace").decode("ascii")
    rendered = _broken(rendered, scan(rendered, marks.pattern).gaps)
    template, more = _filled(rendered, marks)
    flaws += more
    return (None, flaws) if flaws else (Html(template, not kept.raw), [])


class _Marks:
    """Words that stand for placeholders while others read the markup: they survive everything, and mean nothing."""

    def __init__(self, source: str) -> None:
        salt = 0
        while f"hx{salt}q" in source:
            salt += 1
        self._word = f"hx{salt}q"
        self.pattern = re.compile(rf"{self._word}(\d+)z")
        self.placeholders: list[Placeholder] = []

    def put(self, placeholder: Placeholder) -> str:
        word = f"{self._word}{len(self.placeholders)}z"
        self.placeholders.append(placeholder)
        return word if placeholder.kind == "insertion" else f"<!--{word}-->"

    def of(self, spot: Spot) -> Placeholder:
        return self.placeholders[spot.number]


def _source_flaws(found: Scan, marks: _Marks) -> list[Flaw]:
    flaws = []
    for element in sorted(found.elements):
        if element.startswith("mj") and element not in _MJML:
            near = get_close_matches(element, _MJML, n=1)
            fix = f"write {near[0]}" if near else "remove it"
            if element == "mj-include":
                fix = "write the included part here: a template is one piece"
            flaws.append(Flaw(1, f"there is no <{element}>", fix))
    for spot in found.spots:
        placeholder = marks.of(spot)
        flaw = None
        if spot.element in _HEAD_ONLY or (spot.element.startswith("mj") and spot.attribute not in _MJML_ATTRIBUTES):
            flaw = Flaw(
                placeholder.line,
                f"{placeholder.source} stands in {spot.attribute} of <{spot.element}>, which is read before anybody's "
                "values are known",
                f"write a fixed value; insertions may stand in {', '.join(sorted(_MJML_ATTRIBUTES))}, and in text",
            )
        elif isinstance(use := _use(spot, placeholder, marks), Flaw):
            flaw = use
        if flaw:
            flaws.append(flaw)
    return flaws


def _mrml(source: str) -> tuple[str, Flaw | None]:
    # Without a loader nothing is read from disk or network.
    parser = mrml.ParserOptions(include_loader=mrml.noop_loader())
    fix = "close every element, in order, and quote attributes"
    try:
        return mrml.to_html(source, parser, _DRAWN).content, None
    except Exception as error:
        return "", Flaw(1, f"the MJML can't be read: {error}", fix)
    except BaseException as error:
        # A panic of the reader; PyO3's class for that has no name to import.
        if type(error).__name__ != "PanicException":
            raise
        return "", Flaw(1, "the MJML can't be read", fix)


def _lost(spots: list[Spot], marks: _Marks) -> list[Flaw]:
    kept = {spot.number for spot in spots}
    flaws = [
        Flaw(placeholder.line, f"MJML drops {placeholder.source}", "put it into text, or an attribute that is kept")
        for number, placeholder in enumerate(marks.placeholders)
        if number not in kept
    ]
    statements = [spot.number for spot in spots if marks.of(spot).kind == "statement"]
    if not flaws and statements != sorted(set(statements)):
        first = next(p for p in marks.placeholders if p.kind == "statement")
        flaws.append(Flaw(first.line, "MJML moves a block to another place", "put blocks around whole sections"))
    return flaws


def _filled(markup: str, marks: _Marks) -> tuple[str, list[Flaw]]:
    parts: list[str] = []
    flaws: list[Flaw] = []
    at = 0
    for spot in scan(markup, marks.pattern).spots:
        placeholder = marks.of(spot)
        use = _use(spot, placeholder, marks)
        if isinstance(use, Flaw):
            flaws.append(use)
            continue
        parts += (markup[at : spot.start], use)
        at = spot.end
    parts.append(markup[at:])
    literals = marks.pattern.sub("", markup)
    if "{{" in literals or "{%" in literals:
        flaws.append(Flaw(1, "two braces stand together in styles", "put a space between them"))
    return "".join(parts), flaws


def _use(spot: Spot, placeholder: Placeholder, marks: _Marks) -> str | Flaw:
    """What the renderer gets in the place of a mark."""
    line, source = placeholder.line, placeholder.source
    if spot.refused:
        fix = "insertions may stand in text and in quoted attributes"
        return Flaw(line, f"{source} stands in {spot.refused}, where nothing can be escaped", fix)
    if not spot.attribute:
        return f"{{% {placeholder.code} %}}" if placeholder.kind == "statement" else f"{{{{ {placeholder.code} }}}}"
    if placeholder.kind == "statement":
        fix = "put the block around whole elements, or write {{ 'a' if … else 'b' }}"
        return Flaw(line, f"{source} stands inside a tag", fix)
    if spot.attribute in _LINKS:
        return _in_link(html.unescape(spot.before), placeholder, marks)
    if spot.attribute in _WORDS or spot.attribute.startswith("data-"):
        return f"{{{{ {placeholder.code} }}}}"
    return Flaw(
        line,
        f"{source} stands in the attribute {spot.attribute}, where a value could do more than be shown",
        f"insertions may stand in {', '.join(sorted(_LINKS | _WORDS))}, and in text",
    )


def _in_link(before: str, placeholder: Placeholder, marks: _Marks) -> str | Flaw:
    line, source, code = placeholder.line, placeholder.source, placeholder.code
    if not before.strip():
        return "{{ unsubscribe_url }}" if code == "unsubscribe_url" else f"{{{{ ({code})|herold_link }}}}"
    part = f"{{{{ ({code})|herold_part }}}}"
    first = marks.pattern.match(before.lstrip())
    if first:
        rest = before.lstrip()[first.end() :]
        return (
            part
            if re.search(r"[/?#]", rest)
            else Flaw(line, f"{source} could change the host of a link", "put a / between")
        )
    whole = _WHOLE_HOST.match(before)
    if whole and not marks.pattern.search(whole[0]):
        return part
    if whole or _HOST_BEGUN.match(before):
        return Flaw(line, f"{source} stands in the host of a link", "write the host out, up to the / after it")
    return Flaw(line, f"{source} stands in a link without a scheme", "begin the link with https://, or with mailto:")


def _without_indents(style: re.Match[str]) -> str:
    # MJML indents its own; without blanks in a row and dots in front, DKIM and SMTP copy the body no further.
    lines = "\n".join(line.strip() for line in style[0].splitlines())
    return lines.replace("}  }", "} }").replace("\n.", " .")


def _broken(markup: str, gaps: list[int]) -> str:
    """With line breaks in the place of spaces inside tags, so that lines stay short, and the lines ended by CRLF."""
    parts: list[str] = []
    at = 0
    for gap in gaps:
        if gap - max(at, markup.rfind("\n", at, gap) + 1) > _LINE:
            parts.append(markup[at:gap])
            at = gap + 1
    parts.append(markup[at:])
    return re.sub(r"\r\n|\r|\n", "\r\n", "\n".join(parts)).rstrip("\r\n") + "\r\n"
