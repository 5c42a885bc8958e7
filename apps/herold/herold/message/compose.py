"""From a recipient to the bytes of a message: everything that all recipients share is made once, when a run begins."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from herold.errors import InvalidInput, Mistake
from herold.message.envelope import Fields, Header
from herold.message.identity import Identities
from herold.message.mime import DateLine, encode_html, folded
from herold.message.template import (
    CannotRender,
    CompiledContent,
    CompiledTemplate,
    Constants,
    Rendered,
    variable_mistakes,
)
from herold.resources.resolved import ResolvedCampaign

# Four times as fast as `in`, and nearly no message has one.
_DOT = re.compile(rb"\r\n\.")

__all__ = ["CannotRender", "Composed", "Composer", "Recipient", "wire"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for. `attributes` are JSON values, as the ContactSchema declares them."""

    position: int
    contact_id: int
    address: str
    locale: str | None
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Composed:
    """A message and its envelope. `head` and `body` have lines that end in CRLF and are not dot-stuffed.

    `signed` holds the header fields that a DKIM signature covers, in the relaxed form of RFC 6376 3.4.2, in the order
    of `Composer.signed_fields`.
    """

    mail_from: bytes
    rcpt_to: bytes
    head: bytes
    body: bytes
    signed: bytes


class Composer:
    """Composes the messages of one run."""

    def __init__(
        self, resolved: ResolvedCampaign, *, run_id: int, key: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        """Compiles every locale once. `key` is the installation's. Raises InvalidInput with all mistakes."""
        message, sender = resolved.campaign.spec.message, resolved.sender.spec
        mistakes = variable_mistakes(message.variables, resolved.template)
        if mistakes:
            where = f"Campaign {resolved.name}"
            raise InvalidInput(
                [Mistake(where, 0, 0, each.dotted, each.message, each.fix) for each in mistakes], what="campaign"
            )
        self.template = CompiledTemplate(resolved.template, resolved.schema, Constants.of(resolved))
        self._identities = Identities(key, run_id)
        self._header = Header(resolved)
        self._date = DateLine(clock)
        base = sender.unsubscribe_url
        self._unsubscribe = base if base.endswith(("/", "=")) else f"{base}/"
        if resolved.campaign.spec.mode == "Proof":
            # No token begins so (`identity.parse_token`): whoever tries the link of a proof unsubscribes nobody.
            self._unsubscribe += "proof-"
        self._proof = resolved.proof
        self._domain = sender.from_.address.rpartition("@")[2]
        self._return_path = sender.return_path_domain

    @property
    def signed_fields(self) -> tuple[str, ...]:
        """Names of the header fields that a `DkimSigner` of these messages covers: what the route leaves alone."""
        return self._header.fields

    def unsubscribe_url(self, position: int) -> str:
        """The link that withdraws the consent of the delivery at `position`."""
        return self._unsubscribe + self._identities.of(position).token

    def compose(self, recipient: Recipient) -> Composed:
        """The message for one recipient: the same bytes for the same recipient in the same second.

        Raises CannotRender, which concerns this recipient alone.
        """
        locale, attributes = recipient.locale, recipient.attributes
        if self._proof is not None:  # to a seed, as somebody else will read it
            locale, attributes = self._proof.locale, self._proof.attributes
        content = self.template.content(locale)
        identity = self._identities.of(recipient.position)
        unsubscribe = self._unsubscribe + identity.token
        rendered = content.render(attributes, unsubscribe)
        content_type, encoding, body = _body(content, rendered, identity.boundary)
        to = recipient.address.encode("ascii")
        fields = Fields(
            f"{identity.message_id}@{self._domain}".encode(),
            self._date.now(),
            to,
            content.folded_subject or folded(rendered.subject, len("Subject: ")),
            unsubscribe.encode(),
            content_type,
            encoding,
        )
        return Composed(
            f"{identity.verp}@{self._return_path}".encode(),
            to,
            self._header.head(fields),
            body,
            self._header.signed(fields),
        )


def _body(content: CompiledContent, rendered: Rendered, boundary: str) -> tuple[bytes, bytes, bytes]:
    """(Content-Type, Content-Transfer-Encoding, body)."""
    encoding, text = content.text_encoder.encode(rendered.text)
    if rendered.html is None:
        return b"text/plain; charset=utf-8", encoding, text
    html_encoding, html = encode_html(rendered.html, references=content.references)
    mark = b"=_%s" % boundary.encode()
    body = (
        b"--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n"
        b"--%s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n--%s--\r\n"
    ) % (mark, encoding, text, mark, html_encoding, html, mark)
    return b'multipart/alternative; boundary="%s"' % mark, b"7bit", body


def wire(composed: Composed, signatures: bytes = b"") -> bytes:
    """The message as it follows the 354 reply: dot-stuffed (RFC 5321 4.5.2), ending in CRLF, without the last dot."""
    body = composed.body
    if _DOT.search(body):
        body = body.replace(b"\r\n.", b"\r\n..")
    if body[:1] == b".":
        body = b"." + body
    return b"%s%s\r\n%s" % (signatures, composed.head, body)
