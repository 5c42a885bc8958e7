"""One message with its envelope, what a relay can take, and the commands that say the one to the other."""

from __future__ import annotations

from dataclasses import dataclass

from herold.channels.outcome import Rejected

# What can stand between < and > without quoting tricks: printable ASCII, but no space and no bracket, for they would
# let an address speak commands of its own.
_SAYABLE = bytes(byte for byte in range(0x21, 0x7F) if byte not in b"<>")
_MAX_PATH = 254


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message to one recipient.

    `content` is dot-stuffed, its lines end in CRLF, the last one too; the final dot is not part of it. That is trusted:
    to look for a dot alone in every text once more would cost a quarter of all that sending costs.
    """

    mail_from: bytes
    rcpt_to: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the relay announced in its answer to EHLO. `size` 0: no limit said."""

    pipelining: bool = False
    eight_bit: bool = False
    size_known: bool = False
    size: int = 0
    starttls: bool = False
    auth: frozenset[str] = frozenset()


def refusal(envelope: Envelope, extensions: Extensions) -> Rejected | None:
    """Why this message can't go to a relay that announced `extensions`, or None; known before a byte of it leaves."""
    content = envelope.content
    if extensions.size and len(content) > extensions.size:
        return Rejected(552, "5.3.4", f"larger than the {extensions.size} bytes that the relay takes", suppress=False)
    if _unsayable(envelope.rcpt_to):
        return Rejected(553, "5.1.3", "the recipient's address can't be said in SMTP", suppress=False)
    if _unsayable(envelope.mail_from):
        return Rejected(553, "5.1.7", "the sender's address can't be said in SMTP", suppress=False)
    if not content.endswith(b"\r\n"):
        return Rejected(554, "5.6.0", "the text does not end in CRLF", suppress=False)
    if not extensions.eight_bit and not content.isascii():
        return Rejected(554, "5.6.3", "the text has 8-bit bytes and the relay does not take them", suppress=False)
    return None


def mail_line(envelope: Envelope, extensions: Extensions) -> bytes:
    """MAIL, with SIZE (RFC 1870) where it is announced and BODY (RFC 6152) where it is needed."""
    size = b" SIZE=%d" % len(envelope.content) if extensions.size_known else b""
    body = b"" if envelope.content.isascii() else b" BODY=8BITMIME"
    return b"MAIL FROM:<%b>%b%b\r\n" % (envelope.mail_from, size, body)


def group(envelope: Envelope, extensions: Extensions) -> bytes:
    """MAIL, RCPT and DATA in one."""
    return b"%bRCPT TO:<%b>\r\nDATA\r\n" % (mail_line(envelope, extensions), envelope.rcpt_to)


def _unsayable(path: bytes) -> bool:
    return not 0 < len(path) <= _MAX_PATH or path.translate(None, _SAYABLE) != b""
