"""Which recipients the sink treats badly, and how. The same seed always chooses the same recipients.

A fault is given as `KIND:SHARE` (a share of all recipients, 0 to 1) or `KIND=LOCALPART` (that recipient).

| kind | when | what | on |
| --- | --- | --- | --- |
| 421 451 452 454 5.7.1 | RCPT | that code (5.7.1: with 550) | a recipient's first try |
| 5.1.1 | RCPT | 550 5.1.1 | every try |
| 552 | text | 552 5.3.4, not accepted | every try |
| text-421 text-451 | text | that code, not accepted | first try |
| drop-rcpt | RCPT | closed without a reply | first try |
| drop-text | text | closed when the text begins to arrive, not accepted (all of it may have left) | first try |
| drop-accepted | text | accepted and logged, then closed without a reply | first try |
| stall | RCPT | never answers again on that connection | first try |
| stall-accepted | text | accepted and logged, then never answers | first try |
| garbage | RCPT | answers what is not SMTP | first try |
| garbage-accepted | text | accepted and logged, then answers what is not SMTP | first try |
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

GARBAGE = b"\x00\xff\x15\x03 what is this\r\n"

AT_RCPT: dict[str, bytes] = {
    "421": b"421 4.3.2 closing, try again later\r\n",
    "451": b"451 4.2.0 mailbox busy\r\n",
    "452": b"452 4.2.2 mailbox full for now\r\n",
    "454": b"454 4.7.0 throttled\r\n",
    "5.7.1": b"550 5.7.1 not allowed to send\r\n",
    "5.1.1": b"550 5.1.1 no such user\r\n",
    "garbage": GARBAGE,
    "stall": b"",
    "drop-rcpt": b"",
}
AT_TEXT: dict[str, bytes] = {
    "552": b"552 5.3.4 too large\r\n",
    "text-421": b"421 4.3.2 closing, try again later\r\n",
    "text-451": b"451 4.3.0 try again later\r\n",
    "drop-text": b"",
    "drop-accepted": b"",
    "stall-accepted": b"",
    "garbage-accepted": GARBAGE,
}
KINDS = tuple(AT_RCPT) + tuple(AT_TEXT)
ALWAYS = frozenset({"5.1.1", "552"})
ACCEPTED = frozenset({"drop-accepted", "stall-accepted", "garbage-accepted"})


@dataclass(frozen=True, slots=True)
class Fault:
    """`share` of all recipients, or the one with this `local_part`."""

    kind: str
    share: float = 0.0
    local_part: bytes = b""


def parse_fault(text: str) -> Fault:
    """`KIND:SHARE` or `KIND=LOCALPART`. Raises ValueError that says what is wrong."""
    for sign in ":=":
        kind, found, value = text.partition(sign)
        if not found or kind not in KINDS:
            continue
        if sign == "=":
            return Fault(kind, local_part=value.lower().encode())
        share = float(value)
        if not 0 <= share <= 1:
            raise ValueError(f"the share of {text} is not between 0 and 1")
        return Fault(kind, share)
    raise ValueError(f"{text} is not KIND:SHARE or KIND=LOCALPART; kinds: {', '.join(KINDS)}")


class Faults:
    """Chooses; remembers who had a fault of the first try already (only those, so memory is the share)."""

    def __init__(self, faults: list[Fault], seed: int) -> None:
        self._shares = [fault for fault in faults if fault.share]
        self._named = {fault.local_part: fault.kind for fault in faults if fault.local_part}
        self._seed = b"%d:" % seed
        self._had: set[bytes] = set()
        if sum(fault.share for fault in self._shares) > 1 + 1e-9:
            raise ValueError("the shares of the faults add up to more than 1")

    def choose(self, recipient: bytes) -> str | None:
        """The fault that this recipient gets now."""
        kind = self._named.get(recipient.rpartition(b"@")[0].lower()) or self._by_share(recipient)
        if kind is None or kind in ALWAYS:
            return kind
        if recipient in self._had:
            return None
        self._had.add(recipient)
        return kind

    def _by_share(self, recipient: bytes) -> str | None:
        digest = hashlib.blake2b(self._seed + recipient, digest_size=8).digest()
        place = int.from_bytes(digest, "big") / 2**64
        for fault in self._shares:
            place -= fault.share
            if place < 0:
                return fault.kind
        return None
