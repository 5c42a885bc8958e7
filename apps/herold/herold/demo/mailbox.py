"""The messages that the sink kept, in one file: `LENGTH TAB RECIPIENT LF`, LENGTH bytes of message, and so on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


class Mailbox:
    """Appends messages to `path`: the first `limit` of them, or with `newest` the last ones, `limit` or some more.

    For the newest a full file makes room for a new one, under the name that `older` gives. What was kept before a
    restart counts; a message that an end of the process cut in two is dropped.
    """

    def __init__(self, path: Path, limit: int, *, newest: bool = False) -> None:
        self._path, self._limit, self._newest = path, limit, newest
        self._file = self._open()
        self._left = limit - (_settle(path) if newest else 0)

    def keep(self, recipient: bytes, content: bytes) -> None:
        """`content` as it came over the wire, dot-stuffed; it is stored without."""
        if self._left <= 0:
            if not self._newest:
                return
            os.close(self._file)
            self._path.replace(older(self._path))
            self._file = self._open()
            self._left = self._limit
        self._left -= 1
        message = unstuff(content)
        os.write(self._file, b"%d\t%b\n%b" % (len(message), recipient, message))

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def older(path: Path) -> Path:
    """Where the messages before those in `path` are."""
    return path.with_name(path.name + ".1")


def _settle(path: Path) -> int:
    """How many whole messages the file has; what follows them is cut off."""
    sizes = [len(b"%d\t%b\n" % (len(text), to.encode())) + len(text) for to, text in read_mailbox(path)]
    os.truncate(path, sum(sizes))
    return len(sizes)


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
