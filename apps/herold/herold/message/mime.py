"""Messages as bytes, built by hand: everything that is the same for all recipients is made once.

RFC 5322 (headers), 2045-2047 (MIME), 8058 (one-click unsubscribe). Lines end in CRLF and hold at most 998 octets;
nothing outside ASCII goes out, so that every relay may pass it on without 8BITMIME.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime

MAX_LINE = 998  # RFC 5322 2.1.1, without CRLF
_FOLD = 76  # RFC 2047 2
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_PLAIN = re.compile(r"[ -~]*")


def is_plain(text: str) -> bool:
    """Printable ASCII that no reader takes for an encoded word."""
    return _PLAIN.fullmatch(text) is not None and "=?" not in text


def encoded_words(text: str, first: int) -> bytes:
    """RFC 2047 words (UTF-8, base64), folded; `first` octets stand before them on their line."""
    octets = text.encode()
    words: list[bytes] = []
    at, room = 0, (_FOLD - first - 12) // 4 * 3
    while at < len(octets):
        end = min(at + room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # never cut a character (RFC 2047 5)
            end -= 1
        words.append(b"=?utf-8?b?%s?=" % base64.b64encode(octets[at:end]))
        at, room = end, (_FOLD - 1 - 12) // 4 * 3
    return b"\r\n ".join(words)


def folded(text: str, first: int) -> bytes:
    """An unstructured header value that readers unfold to exactly `text` (one line, no space at either end)."""
    if not is_plain(text):
        return encoded_words(text, first)
    if first + len(text) <= _FOLD:
        return text.encode()
    words = text.split(" ")
    if "" in words or max(map(len, words)) > _FOLD - first:
        return encoded_words(text, first)
    lines: list[str] = []
    line = ""
    for word in words:
        joined = f"{line} {word}" if line else word
        if len(joined) > _FOLD - (first if not lines else 1):
            lines.append(line)
            joined = word
        line = joined
    return "\r\n ".join([*lines, line]).encode()


def mailbox(name: str, address: str, first: int) -> bytes:
    """`name <address>` as a structured header value (RFC 5322 3.4)."""
    if not name:
        return address.encode()
    if not is_plain(name) or len(name) > _FOLD - first - 2:
        phrase = encoded_words(name, first)
    elif _ATOMS.fullmatch(name) and name == " ".join(name.split()):
        phrase = name.encode()
    else:
        phrase = b'"%s"' % name.replace("\\", "\\\\").replace('"', '\\"').encode()
    # A long address goes to a line of its own.
    space = b" " if first + len(phrase) + len(address) + 3 <= _FOLD else b"\r\n "
    return b"%s%s<%s>" % (phrase, space, address.encode())


def unfolded(value: bytes) -> bytes:
    """A header value as DKIM's relaxed form has it (RFC 6376 3.4.2)."""
    value = value.replace(b"\r\n", b"")
    return re.sub(rb"[ \t]+", b" ", value).strip() if b"  " in value or b"\t" in value else value.strip()


def lines_fit(body: bytes) -> bool:
    """No line of `body` (CRLF, ending in one) holds more than 998 octets."""
    at, end = 0, len(body)
    while end - at > MAX_LINE:
        newline = body.rfind(b"\n", at, at + MAX_LINE + 2)
        if newline < 0:
            return False
        at = newline + 1
    return True


SEVEN_BIT = b"7bit"
QUOTED = b"quoted-printable"


class TextEncoder:
    """Encodes a plain part. Lines that all recipients share are put into quoted-printable once."""

    def __init__(self, shared: Iterable[str] = ()) -> None:
        self._shared = {"": b""} | {line: _quoted_line(line) for line in shared}

    def encode(self, text: str) -> tuple[bytes, bytes]:
        """(Content-Transfer-Encoding, octets) of `text`, whose lines end in CRLF, the last one too."""
        if text.isascii():
            body = text.encode("ascii")
            if lines_fit(body):
                return SEVEN_BIT, body
        shared = self._shared
        lines = [shared[line] if line in shared else _quoted_line(line) for line in text.split("\r\n")]
        return QUOTED, b"\r\n".join(lines)


def encode_html(html: str, *, references: bool) -> tuple[bytes, bytes]:
    """(Content-Transfer-Encoding, octets) of `html`, whose lines end in CRLF, the last one too.

    With `references`, what is outside ASCII becomes HTML character references: no longer than quoted-printable, and
    ten times as fast.
    """
    if references or html.isascii():
        body = html.encode("ascii", "xmlcharrefreplace")
        if lines_fit(body):
            return SEVEN_BIT, body
        html = body.decode("ascii")
    return QUOTED, b"\r\n".join(map(_quoted_line, html.split("\r\n")))


def _quoted_line(line: str) -> bytes:
    """A line, without its CRLF, in quoted-printable (RFC 2045 6.7)."""
    body = binascii.b2a_qp(line.encode() + b"\r\n")[:-2]
    if not body.endswith((b"=20", b"=09")):
        return body
    # b2a_qp makes the last line too long when it encodes the blank at its end.
    last = body.rpartition(b"\r\n")[2]
    return body if len(last) <= _FOLD else b"%s=\r\n%s" % (body[:-3], body[-3:])


class DateLine:
    """The Date header (RFC 5322 3.3) of the current second, made once a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._date = b""

    def now(self) -> bytes:
        """Like `Tue, 01 Dec 2026 08:00:00 +0000`."""
        second = int(self._clock())
        if second != self._second:
            self._date = format_datetime(datetime.fromtimestamp(second, UTC)).encode("ascii")
            self._second = second
        return self._date
