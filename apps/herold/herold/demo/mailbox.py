"""The messages that the sink kept, in one file: `LENGTH TAB RECIPIENT LF`, LENGTH bytes of message, and so on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


class Mailbox:
    """Appends messages to `path`, at most `limit` in all."""

    def __init__(self, path: Path, limit: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._left = limit

    def keep(self, recipient: bytes, content: bytes) -> None:
        """`content` as it came over the wire, dot-stuffed; it is stored without."""
        if self._left <= 0:
            return
        self._left -= 1
        message = unstuff(content)
        os.write(self._file, b"%d\t%b\n%b" % (len(message), recipient, message))


def unstuff(content: bytes) -> bytes:
    """Without the dots that transparency added (RFC 5321 section 4.5.2)."""
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n")


def read_mailbox(path: Path) -> Iterator[tuple[str, bytes]]:
    """(recipient, message) in the order of arrival; a last one that is not whole is left out."""
    with path.open("rb") as file:
        while head := file.readline():
            length, _, recipient = head.rstrip(b"\n").partition(b"\t")
            message = file.read(int(length))
            if len(message) < int(length):
                return
            yield recipient.decode("ascii", "replace"), message
