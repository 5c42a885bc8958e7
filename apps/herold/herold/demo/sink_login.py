"""AUTH PLAIN and LOGIN (RFC 4954) of one connection of the sink."""

from __future__ import annotations

import base64
import binascii


class Login:
    """`known` when nothing is demanded, or the right credentials were given."""

    def __init__(self, credentials: tuple[bytes, bytes] | None) -> None:
        self._credentials = credentials
        self._given: list[bytes] | None = None
        self.known = credentials is None

    @property
    def is_open(self) -> bool:
        """The next line is no command but a credential of AUTH LOGIN."""
        return self._given is not None

    def auth(self, line: bytes) -> bytes:
        """The reply to an AUTH command, said inside TLS."""
        words = line.split()
        if self._credentials is None:
            return b"503 5.5.1 nothing is demanded here\r\n"
        if len(words) == 3 and words[1].upper() == b"PLAIN":
            return self._check(_decoded(words[2]).split(b"\0")[1:])
        if len(words) == 2 and words[1].upper() == b"LOGIN":
            self._given = []
            return b"334 VXNlcm5hbWU6\r\n"
        return b"504 5.5.4 PLAIN with its answer, or LOGIN\r\n"

    def credential(self, line: bytes) -> bytes:
        """The reply to a line of AUTH LOGIN: the name, then the password."""
        given = [*(self._given or []), _decoded(line)]
        if len(given) < 2:
            self._given = given
            return b"334 UGFzc3dvcmQ6\r\n"
        self._given = None
        return self._check(given)

    def _check(self, given: list[bytes]) -> bytes:
        self.known = tuple(given) == self._credentials
        return b"235 2.7.0 welcome\r\n" if self.known else b"535 5.7.8 not these\r\n"


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
