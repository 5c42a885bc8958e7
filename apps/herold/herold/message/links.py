"""Insertions in links: what begins one must be a web or mail address, what stands inside one is a component of it."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import quote

from minijinja import safe

SCHEMES = ("https", "http", "mailto")
_BEGINNING = re.compile(r"(?:https?://[^\s/?#@\\]|mailto:[^\s])", re.IGNORECASE)


class NotALink(ValueError):
    """Its text is the same for every value: values are about people."""

    def __init__(self) -> None:
        super().__init__("not a link")


def is_link(text: str) -> bool:
    """Whether `text` is an https, http or mailto address."""
    return _BEGINNING.match(text.strip()) is not None


def link(value: object) -> Any:
    """A value that begins a link: with scheme https, http or mailto, percent-encoded where needed. Raises NotALink."""
    text = str(value).strip()
    if not is_link(text):
        raise NotALink
    # Escaped here for the attribute: the renderer would write each `/` as a reference, which link checkers misread.
    return safe(escape(quote(text, safe="!#$%&'()*+,/:;=?@[]~")))


def link_part(value: object) -> str:
    """A value as one component of a link (RFC 3986 2.1): it can end neither a path segment nor a query value."""
    text = quote(str(value), safe="")
    # `..` between two slashes would climb, percent-encoded too (WHATWG URL 4.4).
    return "" if text in (".", "..") else text
