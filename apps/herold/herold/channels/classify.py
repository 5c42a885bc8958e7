"""What a negative reply means: the recipient's own trouble, or the route's. Pure; the table is below.

Sources: RFC 5321 sections 4.2 and 4.3.2 (codes by command), RFC 3463 and the registry of enhanced codes (RFC 5248),
RFC 4954 (AUTH), RFC 7505 (null MX), and what relays document:
- Amazon SES, "SMTP response codes": 454 Throttling failure, 554 Message rejected (not verified, sending paused);
  "Header fields": which of them it takes once only
- Google Workspace, "SMTP error reference": 421/450/451 4.7.x, 550 5.4.5 daily quota, 550 5.7.x
- Microsoft, "Exchange Online non-delivery reports": 451 4.7.5xx, 550 5.1.8 bad outbound sender, 550 5.7.x
"""

from __future__ import annotations

from enum import Enum

from herold.channels.outcome import Deferred, Rejected, RouteFault
from herold.channels.replies import enhanced_code, scrub


class Step(Enum):
    """What the relay was answering."""

    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    TEXT = "message text"


# Steps at which no recipient has been named: whatever is refused here is refused to us.
_ROUTE_STEPS = frozenset({Step.GREETING, Step.EHLO, Step.STARTTLS, Step.AUTH, Step.MAIL})

# Codes that speak of the route at every step -> does a person have to act?
_ROUTE_CODES: dict[int, bool] = {
    421: False,  # RFC 5321: service not available, closing
    432: True,  # RFC 4954: a password transition is needed
    454: False,  # RFC 4954 temporary authentication failure; SES: throttling failure
    500: False,  # RFC 5321: command not recognised or out of step: trouble of the conversation
    502: False,
    503: False,
    504: True,
    521: True,  # RFC 7504: the host does not accept mail
    530: True,  # RFC 4954: authentication, or STARTTLS (RFC 3207), required
    534: True,
    535: True,
    538: True,
    555: True,  # RFC 5321: parameters of MAIL or RCPT not recognised
}

# Enhanced codes that speak of the route (class, subject and detail without the class) -> a person has to act (for 5).
_ROUTE_ENHANCED = frozenset({"1.7", "1.8", "4.5"})  # bad sender's address or system; quota of the sender (Google)
_POLICY = "7."  # RFC 3463 X.7: security or policy
_GREYLISTED = "4.7.1"  # said of one recipient for now; what greylisting at RCPT answers

# The mailbox or its domain does not exist (RFC 3463 X.1.1, X.1.2; RFC 7505 X.1.10): never write there again.
_NO_SUCH_MAILBOX = frozenset({"5.1.1", "5.1.2", "5.1.10"})

# SES says these without an enhanced code.
_ROUTE_TEXTS = ("message rejected:", "access denied", "throttling failure", "transaction failed: duplicate header")


def classify(step: Step, code: int, text: bytes, recipient: bytes = b"") -> Deferred | Rejected | RouteFault:
    """What a reply that is neither 2yz nor the expected 3yz means.

    `text` is the raw reply after the code. A RouteFault means that the message was *not* accepted, with one exception:
    a reply to the message text that is no reply at all (1yz, 3yz) leaves that open; see `is_out_of_step`.
    """
    enhanced = enhanced_code(code, text)
    detail = scrub(text, recipient)
    if is_out_of_step(code):
        return RouteFault(code, enhanced, f"{code} is no answer to {step.value}: {detail}", permanent=False)
    if step is Step.MAIL and (code == 552 or enhanced == "5.3.4"):  # RFC 1870: this message is too large
        return Rejected(code, enhanced, detail, suppress=False)
    permanent = _route_fault(step, code, enhanced, text)
    if permanent is not None:
        return RouteFault(code, enhanced, detail, permanent)
    if code < 500:
        return Deferred(code, enhanced, detail)
    return Rejected(code, enhanced, detail, suppress=enhanced in _NO_SUCH_MAILBOX)


def is_out_of_step(code: int) -> bool:
    """True for codes that answer nothing we asked at that point: the conversation has lost its step."""
    return code < 400


def _route_fault(step: Step, code: int, enhanced: str | None, text: bytes) -> bool | None:
    """Is it the route's? None: no. Otherwise: does a person have to act?"""
    if code in _ROUTE_CODES and not (step is Step.TEXT and code == 500):  # 500 to a text: a line of it was too long
        return _ROUTE_CODES[code]
    if step in _ROUTE_STEPS:
        return code >= 500
    if enhanced is not None:
        rest = enhanced[2:]
        if rest in _ROUTE_ENHANCED or (
            rest.startswith(_POLICY) and not (step is Step.RCPT and enhanced == _GREYLISTED)
        ):
            return code >= 500
    elif text.decode("ascii", "replace").lower().startswith(_ROUTE_TEXTS):
        return code >= 500
    return None
