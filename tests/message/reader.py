"""A second reader of messages, written from RFC 5322, 2045, 2046 and 2047 alone: no code in common with `email`.

It is strict: what it does not know is an error, so that it can't be pleased by accident.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

HEX = "0123456789ABCDEF"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True)
class Read:
    """A part: its fields in order (unfolded), and either its text or its parts."""

    fields: list[tuple[str, str]]
    text: str
    parts: list[Read]

    def field(self, name: str) -> str:
        values = [value for each, value in self.fields if each.lower() == name.lower()]
        assert len(values) == 1, f"{name} stands {len(values)} times"
        return values[0]

    def names(self) -> list[str]:
        return [name for name, _ in self.fields]


def check_wire(message: bytes) -> None:
    """What every byte on the wire keeps to: ASCII, no NUL, CRLF only, lines of at most 998 octets."""
    assert message.endswith(b"\r\n")
    for line in message[:-2].split(b"\r\n"):
        assert len(line) <= 998
        assert all(32 <= octet < 127 or octet == 9 for octet in line), line


def unstuffed(data: bytes) -> bytes:
    """What an SMTP server keeps of the lines before the final dot (RFC 5321 4.5.2)."""
    lines = []
    for line in data[:-2].split(b"\r\n"):
        assert line != b".", "the message ends early"
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"\r\n".join(lines) + b"\r\n"


def read(message: bytes) -> Read:
    head, separator, body = message.partition(b"\r\n\r\n")
    assert separator
    fields: list[tuple[str, str]] = []
    for line in head.decode("ascii").split("\r\n"):
        if line[0] in " \t":
            fields[-1] = (fields[-1][0], fields[-1][1] + line)
        else:
            name, colon, value = line.partition(":")
            assert colon, line
            assert name, line
            assert all(33 <= ord(letter) < 127 for letter in name)
            fields.append((name, value.removeprefix(" ")))
    part = Read(fields, "", [])
    kind, parameters = content_type(part.field("Content-Type"))
    encoding = part.field("Content-Transfer-Encoding")
    if kind == "multipart/alternative":
        assert encoding == "7bit"
        return Read(fields, "", [read(each) for each in sections(body, parameters["boundary"])])
    assert kind in ("text/plain", "text/html")
    assert parameters == {"charset": "utf-8"}
    octets = {"7bit": lambda: body, "quoted-printable": lambda: quoted_printable(body)}[encoding]()
    return Read(fields, codecs.decode(octets, "utf-8", "strict"), [])


def content_type(value: str) -> tuple[str, dict[str, str]]:
    kind, *rest = value.split(";")
    parameters = {}
    for each in rest:
        name, _, text = each.strip().partition("=")
        parameters[name.lower()] = text[1:-1] if text.startswith('"') else text
    return kind.strip().lower(), parameters


def sections(body: bytes, boundary: str) -> list[bytes]:
    """RFC 2046 5.1.1: the CRLF before a boundary belongs to the boundary."""
    mark = b"--" + boundary.encode()
    found: list[bytes] = []
    current: list[bytes] | None = None
    for line in body.split(b"\r\n"):
        if line in (mark, mark + b"--"):
            if current is not None:
                found.append(b"\r\n".join(current))
            current = [] if line == mark else None
        elif current is not None:
            current.append(line)
    assert current is None, "the last boundary is missing"
    return found


def quoted_printable(body: bytes) -> bytes:
    out = bytearray()
    lines = body.split(b"\r\n")
    for index, line in enumerate(lines):
        assert len(line) <= 76, "RFC 2045 6.7 (5)"
        at, soft = 0, False
        while at < len(line):
            octet = line[at]
            if octet == ord("="):
                if at == len(line) - 1:
                    soft = True
                    break
                pair = line[at + 1 : at + 3].decode()
                assert len(pair) == 2
                out.append(HEX.index(pair[0]) * 16 + HEX.index(pair[1]))
                at += 3
                continue
            assert 33 <= octet < 127 or octet in (9, 32)
            out.append(octet)
            at += 1
        assert soft or not line.endswith((b" ", b"\t")), "RFC 2045 6.7 (3)"
        if not soft and index < len(lines) - 1:
            out += b"\r\n"
    return bytes(out)


def words(value: str) -> str:
    """An unstructured or phrase value with its encoded words (RFC 2047) decoded."""
    shown: list[str] = []
    blank, last_encoded = "", False
    for word in value.split(" "):
        encoded = word.startswith("=?")
        if encoded:
            assert len(word) <= 75
            charset, kind, text = word[2:-2].split("?")
            assert (charset, kind) == ("utf-8", "b")
            word = base64(text).decode("utf-8", "strict")
        shown.append(word if encoded and last_encoded else blank + word)
        blank, last_encoded = " ", encoded
    return "".join(shown)


def base64(text: str) -> bytes:
    bits = "".join(f"{BASE64.index(letter):06b}" for letter in text.rstrip("="))
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - len(bits) % 8, 8))
