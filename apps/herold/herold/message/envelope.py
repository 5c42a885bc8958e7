"""The header fields of a run's messages: as they are sent, and as DKIM's relaxed form has them."""

from __future__ import annotations

from typing import NamedTuple

from herold.message.mime import mailbox, unfolded
from herold.message.values import clean
from herold.resources.resolved import PROOF, ResolvedCampaign

# Each stands twice in `h=` (oversigned, RFC 6376 8.15), whether the message has it or not: nobody can add one and keep
# the signature.
_SIGNED = (
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "feedback-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
)
# What a relay writes itself where `route.messageId` is Replaced: with one of these in `h=` no signature survives it.
# SES puts its own Date and Message-ID in the place of ours, and a Feedback-ID of its own into every message:
# https://docs.aws.amazon.com/ses/latest/dg/header-fields.html, send-email-authentication-dkim-manual.html,
# https://aws.amazon.com/blogs/messaging-and-targeting/understanding-google-postmaster-tools-spam-complaints-for-amazon-ses-email-senders.
_REPLACED = ("date", "message-id", "feedback-id")


class Fields(NamedTuple):
    """Values of the fields that differ between messages. `subject` may be folded; `unsubscribe` is the link."""

    message_id: bytes
    date: bytes
    to: bytes
    subject: bytes
    unsubscribe: bytes
    content_type: bytes
    encoding: bytes


class Header:
    """Writes the header of the messages of one run; what they share is filled in once.

    `fields`: names of the fields that a signature covers, each oversigned, in the order of `signed`.
    """

    def __init__(self, resolved: ResolvedCampaign) -> None:
        spec, sender, metadata = resolved.campaign.spec, resolved.sender.spec, resolved.campaign.metadata
        # Transactional mail is not subscribed to.
        self._one_click = spec.message_class == "Marketing"
        feedback = f"{metadata.name}-{spec.occurrence}:{metadata.namespace}:{spec.message_class.lower()}:{sender.brand}"
        from_ = mailbox(clean(sender.from_.name), sender.from_.address, len("From: "))
        reply = b""
        if sender.reply_to is not None:
            reply = mailbox(clean(sender.reply_to.name), sender.reply_to.address, len("Reply-To: "))
        self._head = (
            b"Message-ID: <%s>\r\nDate: %s\r\n"
            + _literal(b"From", from_)
            + b"To: %s\r\n"
            + _literal(b"Reply-To", reply)
            + b"Subject: %s\r\n%s"
            + _literal(b"Feedback-ID", feedback.encode())
            + _literal(b"X-Herold-Proof", _proof(resolved))
            + b"MIME-Version: 1.0\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n"
        )
        replaced = sender.route.message_id == "Replaced"
        self.fields = tuple(name for name in _SIGNED if not (replaced and name in _REPLACED))
        self._signed = (
            _literal(b"from", unfolded(from_), b":")
            + b"to:%s\r\nsubject:%s\r\n"
            # `%.0s` takes a value and writes nothing: one way to fill in both.
            + (b"%.0s%.0s" if replaced else b"date:%s\r\nmessage-id:<%s>\r\n")
            + _literal(b"reply-to", unfolded(reply), b":")
            + b"%s"
            + (b"" if replaced else _literal(b"feedback-id", feedback.encode(), b":"))
            + b"mime-version:1.0\r\ncontent-type:%s\r\ncontent-transfer-encoding:%s\r\n"
        )

    def head(self, fields: Fields) -> bytes:
        """Lines that end in CRLF."""
        lists = b""
        if self._one_click:  # RFC 8058 3.1
            lists = b"List-Unsubscribe: <%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" % (
                fields.unsubscribe
            )
        return self._head % (
            fields.message_id,
            fields.date,
            fields.to,
            fields.subject,
            lists,
            fields.content_type,
            fields.encoding,
        )

    def signed(self, fields: Fields) -> bytes:
        """Those of `fields` that these messages have, in that order (RFC 6376 3.4.2)."""
        lists = b""
        if self._one_click:
            lists = b"list-unsubscribe:<%s>\r\nlist-unsubscribe-post:List-Unsubscribe=One-Click\r\n" % (
                fields.unsubscribe
            )
        return self._signed % (
            fields.to,
            unfolded(fields.subject),
            fields.date,
            fields.message_id,
            lists,
            fields.content_type,
            fields.encoding,
        )


def _proof(resolved: ResolvedCampaign) -> bytes:
    """By which a proof is known, by people and by filters; b"" for all other mail."""
    if resolved.campaign.spec.mode != "Proof":
        return b""
    proof, name = resolved.proof, resolved.name.removesuffix(PROOF)
    if proof is None:
        return name.encode()
    return f"{name};\r\n locale={proof.locale};\r\n intent=sha256:{proof.intent}".encode()


def _literal(name: bytes, value: bytes, colon: bytes = b": ") -> bytes:
    return b"%s%s%s\r\n" % (name, colon, value.replace(b"%", b"%%")) if value else b""
