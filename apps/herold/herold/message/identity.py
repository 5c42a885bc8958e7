"""Who a message is, without saying so: Message-ID, envelope sender (VERP) and unsubscribe token of one delivery.

All three come from one keyed BLAKE2b over (run, position): the same after a crash, different for every delivery, and
made by nobody without the installation's key. None holds an address or the id of a contact. The VERP local part and
the token name the run and the position in the open, beside a part of the hash that proves them; the Message-ID is
the hash alone.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

_MAC = 12
_DIGEST = 56  # 16 for the Message-ID, 12 each for VERP, token and boundary, 4 left
_PARTS = re.compile(r"(?:b-)?([1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})-([0-9a-f]{24})")


class Identity(NamedTuple):
    """Of one delivery. `boundary` separates the parts of its body: nobody can guess it before the mail is out."""

    message_id: str
    verp: str
    token: str
    boundary: str


class Identities:
    """Of the deliveries of one run."""

    def __init__(self, key: bytes, run_id: int) -> None:
        """`key`: the secret of the installation; as everywhere, its first 64 bytes count. Raises ValueError."""
        if not key:
            raise ValueError("an empty key proves nothing")
        if run_id < 1:
            raise ValueError("runs count from 1")
        self._hash = hashlib.blake2b(b"%d-" % run_id, key=key[:64], digest_size=_DIGEST, person=b"herold.identity")
        self._run = run_id

    def of(self, position: int) -> Identity:
        """The identity of the delivery at `position`, which counts from 0 (32 bits: a local part has 64 octets)."""
        hashed = self._hash.copy()
        hashed.update(b"%d" % position)
        text = hashed.hexdigest()
        name = f"{self._run}-{position}-"
        return Identity(text[:32], f"b-{name}{text[32:56]}", f"{name}{text[56:80]}", text[80:104])


def parse_verp(key: bytes, address: str) -> tuple[int, int] | None:
    """(run, position) of an envelope sender, with or without its domain; None when this key did not make it.

    Hosts on the way may have changed the case of its letters.
    """
    local = address.partition("@")[0].lower()
    return _parse(key, local, "verp") if local.startswith("b-") else None


def parse_token(key: bytes, token: str) -> tuple[int, int] | None:
    """(run, position) of an unsubscribe token; None when this key did not make it."""
    return None if token.startswith("b-") else _parse(key, token, "token")


def _parse(key: bytes, text: str, kind: str) -> tuple[int, int] | None:
    match = _PARTS.fullmatch(text)
    if match is None:
        return None
    run, position = int(match[1]), int(match[2])
    identity = Identities(key, run).of(position)
    expected = identity.verp if kind == "verp" else identity.token
    return (run, position) if hmac.compare_digest(expected, text) else None
