"""Reading a relay's replies (RFC 5321 section 4.2), with limits, and making their text fit to be stored.

Shape of a reply here: `(code, text)`, code 200 to 559, text the bytes after the code; the lines of a reply of several
lines are joined by LF.
"""

from __future__ import annotations

import re

RawReply = tuple[int, bytes]

# RFC 5321 section 4.5.3.1.5 allows 512 octets a line; relays write more.
MAX_LINE = 2048
MAX_LINES = 128
MAX_DETAIL = 200
ADDRESS = "<address>"

_LAST_LINES = {b"%d " % code: code for code in range(200, 560)}
_MORE_LINES = {b"%d-" % code: code for code in range(200, 560)}
_BARE_CODES = {b"%d" % code: code for code in range(200, 560)}
_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_ENHANCED_PREFIX = re.compile(r"(?:^|(?<=\n))[245]\.\d{1,3}\.\d{1,3}(?![\d.])[ -]?")
_WITH_AT = re.compile(r'"[^"\n]*"@\S*|\S*@\S*')


class ReplyReader:
    """Cuts a stream into replies. After `malformed` is set the stream is out of step and of no more use."""

    __slots__ = ("_code", "_lines", "_rest", "malformed")

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[bytes] = []
        self.malformed: str | None = None

    @property
    def is_between(self) -> bool:
        """True when nothing of a next reply has arrived."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> list[RawReply]:
        """The replies that are complete with `data`; those before a malformed one are given still."""
        if self._rest:
            data = self._rest + data
        lines = data.split(b"\r\n")
        rest = lines.pop()
        self._rest = rest
        replies: list[RawReply] = []
        for line in lines:
            code = _LAST_LINES.get(line[:4])
            if code is not None and not self._lines and len(line) <= MAX_LINE:
                replies.append((code, line[4:]))
            elif not self._add(line, replies):
                return replies
        if rest and (len(rest) > MAX_LINE or b"\n" in rest):
            self.malformed = "a line of the reply is too long or does not end in CRLF"
        return replies

    def _add(self, line: bytes, replies: list[RawReply]) -> bool:
        more = _MORE_LINES.get(line[:4])
        code = more or _LAST_LINES.get(line[:4]) or _BARE_CODES.get(line)
        if code is None or len(line) > MAX_LINE or len(self._lines) >= MAX_LINES:
            self.malformed = "the reply is not one of SMTP, or too long"
        elif self._lines and code != self._code:
            self.malformed = "the lines of the reply have different codes"
        if self.malformed or code is None:
            return False
        self._code = code
        self._lines.append(line[4:])
        if more is None:
            replies.append((code, b"\n".join(self._lines)))
            self._lines = []
        return True


def enhanced_code(code: int, text: bytes) -> str | None:
    """The enhanced status code (RFC 2034, 3463) that begins `text`, if its class is that of `code`."""
    match = _ENHANCED.match(text)
    if match is None or match[1][0] != 48 + code // 100:
        return None
    return match[1].decode("ascii")


def scrub(text: bytes, recipient: bytes = b"") -> str:
    """`text` without enhanced codes, addresses, the recipient's local part and control characters; one line, short."""
    readable = text.decode("utf-8", "replace")
    if text[1:2] == b"." or b"\n" in text:
        readable = _ENHANCED_PREFIX.sub("", readable)
    if "@" in readable:
        readable = _WITH_AT.sub(ADDRESS, readable)
    local = recipient.rpartition(b"@")[0].decode("utf-8", "replace").lower()
    if local and local in readable.lower():
        readable = _without_word(readable, local)
    if not readable.isprintable():
        readable = " ".join("".join(c if c.isprintable() else " " for c in readable).split())
    return readable[:MAX_DETAIL].strip()


def _without_word(text: str, word: str) -> str:
    """Without a regular expression: one for each recipient would be compiled each time."""
    parts: list[str] = []
    folded, start = text.lower(), 0
    if len(folded) != len(text):  # a letter that grows when folded: cut nothing fine, cut all
        return ADDRESS
    while (found := folded.find(word, start)) >= 0:
        end = found + len(word)
        alone = not folded[found - 1 : found].isalnum() and not folded[end : end + 1].isalnum()
        parts += [text[start:found], ADDRESS if alone or len(word) > 3 else text[found:end]]
        start = end
    return "".join([*parts, text[start:]])
