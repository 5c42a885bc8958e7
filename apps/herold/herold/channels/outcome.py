"""What a try to send can end with. A channel answers with exactly one of these for each message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """The relay took responsibility (250 after the text). `detail` is its scrubbed reply, which may name its own id."""

    code: int
    detail: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The recipient's own 4xx: costs an attempt and comes again later."""

    code: int
    enhanced: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The recipient's own 5xx. `suppress`: the mailbox does not exist (5.1.1, 5.1.2, 5.1.10)."""

    code: int
    enhanced: str | None
    detail: str
    suppress: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """The text with its final dot left and no reply came: neither success nor failure (RFC 1047)."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certainly not accepted: it was not begun, or its text was not ended. Costs no attempt."""

    detail: str


Outcome = Sent | Deferred | Rejected | Unknown | NotSent


@dataclass(frozen=True, slots=True)
class RouteFault:
    """The route's fault, not a recipient's: connect, TLS, EHLO, AUTH, MAIL, 421, 454, 535, 550 5.7.x.

    `code` 0: no reply at all. `permanent`: a person must act (535, 550 5.7.x); else it may pass by itself.
    """

    code: int
    enhanced: str | None
    detail: str
    permanent: bool
