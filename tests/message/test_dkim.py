"""Signatures that somebody else's verifier accepts, and that break when anything signed changes."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from herold.errors import InvalidInput, Refused
from herold.message.compose import Composer, wire
from herold.message.dkim import DkimKey, DkimSigner, read_dkim_keys, relaxed_body
from message.letters import composer, contents, declared, recipient

KEYS = [rsa.generate_private_key(public_exponent=65_537, key_size=2048) for _ in range(2)]
DKIM_KEYS = [DkimKey("shop.example", f"s{number}", key) for number, key in enumerate(KEYS)]
NOTE = "Dear {{ contact.first_name }}  of\t{{ contact.city }} \n\n.\n\n\n"
CAMPAIGN = declared(
    contents=contents(NOTE, "{{ contact.first_name }}:  for you in {{ contact.city }}"),
    attributeDefaults=[{"name": name, "default": ""} for name in ("first_name", "city")],
)
# What SES writes itself, and the rest.
REPLACED = ["Date", "Message-ID", "Feedback-ID"]
FIELDS = [
    "From",
    "To",
    "Subject",
    "Reply-To",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]


def published(name: bytes, timeout: int = 5) -> bytes | None:
    """The text record of a selector, as DNS would answer."""
    for number, key in enumerate(KEYS):
        if name == b"s%d._domainkey.shop.example." % number:
            der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return b"v=DKIM1; k=rsa; p=" + b64encode(der)
    return None


def verified(message: bytes, index: int = 0) -> bool:
    try:
        return bool(dkim.DKIM(message).verify(idx=index, dnsfunc=published))
    except dkim.ValidationError:
        return False


def signed(letters: Composer, **attributes: str) -> bytes:
    composed = letters.compose(recipient(None, 0, **attributes))
    return DkimSigner(DKIM_KEYS, letters.signed_fields).sign(composed) + composed.head + b"\r\n" + composed.body


def by_ses(**spec: Any) -> Composer:
    """Of a campaign whose relay writes its own Message-ID."""
    return composer(declared(sender={"route": {"host": "relay.example", "messageId": "Replaced"}}, **spec))


def relayed_by_ses(message: bytes) -> bytes:
    """As it comes out of SES: with its own Message-ID and Date in the place of ours, and a Feedback-ID more."""
    message = re.sub(rb"\r\nMessage-ID: [^\r]+", b"\r\nMessage-ID: <0102-000000@eu-central-1.amazonses.com>", message)
    message = re.sub(rb"\r\nDate: [^\r]+", b"\r\nDate: Wed, 02 Dec 2026 03:04:05 +0000", message)
    return message.replace(b"\r\nMIME-Version", b"\r\nFeedback-ID: ::1.eu-central-1.abc=:AmazonSES\r\nMIME-Version")


def test_both_keys_of_a_rotation_verify() -> None:
    message = signed(composer(CAMPAIGN), first_name="Zoë", city="Łódź")
    assert message.count(b"DKIM-Signature: ") == 2
    assert verified(message, 0)
    assert verified(message, 1)
    assert all(len(line) <= 78 for line in message.split(b"\r\n\r\n")[0].split(b"\r\n") if b"nsubscribe:" not in line)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=90), st.text(max_size=90))
def test_every_message_verifies(first_name: str, city: str) -> None:
    assert verified(signed(composer(CAMPAIGN), first_name=first_name, city=city))


@pytest.mark.parametrize("given_name", ["", "reply"])
def test_senders_of_every_shape_verify(given_name: str) -> None:
    sender = {"from": {"address": "news@shop.example", "name": "Żabka  % Shop" * 3}}
    if given_name:
        sender["replyTo"] = {"address": "help@shop.example", "name": "A  b, c"}
    for campaign in ({}, {"messageClass": "Transactional"}):
        assert verified(signed(composer(declared(sender=sender, campaign=campaign))))


@pytest.mark.parametrize("field", [*FIELDS, *REPLACED])
def test_a_field_that_is_added_breaks_the_signature(field: str) -> None:
    message = signed(composer(CAMPAIGN), first_name="Ann")
    assert verified(message)
    assert not verified(f"{field}: <https://evil.example>\r\n".encode() + message)


@pytest.mark.parametrize(
    "field", ["To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", *REPLACED]
)
def test_a_field_that_is_changed_breaks_the_signature(field: str) -> None:
    message = signed(composer(CAMPAIGN), first_name="Ann")
    changed = re.sub(rf"(\r\n{field}: )".encode(), rb"\1x", message)
    assert changed != message
    assert not verified(changed)


@pytest.mark.parametrize("campaign", [{}, {"messageClass": "Transactional"}])
def test_the_signature_survives_a_relay_that_writes_its_own_id_and_date(campaign: dict[str, str]) -> None:
    message = signed(by_ses(campaign=campaign))
    assert b"\r\nMessage-ID: <" in message
    assert b"\r\nDate: " in message, "a relay may count on both"
    assert verified(message)
    assert verified(relayed_by_ses(message))
    assert not verified(relayed_by_ses(signed(composer(declared(campaign=campaign)))))


@pytest.mark.parametrize("field", FIELDS)
def test_what_such_a_relay_leaves_alone_is_signed_all_the_same(field: str) -> None:
    message = relayed_by_ses(signed(by_ses()))
    assert verified(message)
    assert not verified(f"{field}: <https://evil.example>\r\n".encode() + message)


def test_a_body_that_is_changed_breaks_the_signature() -> None:
    message = signed(composer(CAMPAIGN), first_name="Ann")
    assert not verified(message.replace(b"Dear", b"dear"))
    assert not verified(message + b"more\r\n")


def test_the_signature_survives_dot_stuffing_on_the_way() -> None:
    letters = composer(CAMPAIGN)
    composed = letters.compose(recipient(first_name="Ann"))
    sent = wire(composed, DkimSigner(DKIM_KEYS, letters.signed_fields).sign(composed))
    assert verified(sent.replace(b"\r\n..", b"\r\n."))
    assert b"\r\n..\r\n" in sent


@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # RFC 6376 3.4.5
        (b"a\tb\t\r\n", b"a b\r\n"),
        (b"a  \r\n  \r\n", b"a\r\n"),
    ],
)
def test_relaxed_bodies_are_those_of_the_rfc(body: bytes, relaxed: bytes) -> None:
    assert relaxed_body(body) == relaxed


def test_without_keys_nothing_is_signed() -> None:
    letters = composer(declared())
    assert DkimSigner([], letters.signed_fields).sign(letters.compose(recipient())) == b""


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def dkim_campaign(*names: str) -> dict[str, object]:
    return {
        "dkim": [{"domain": "shop.example", "selector": f"s{at}", "keyRef": {"name": n}} for at, n in enumerate(names)]
    }


def test_keys_are_read_from_the_folder_of_secrets(tmp_path: Path) -> None:
    for number, key in enumerate(KEYS):
        (tmp_path / f"dkim-{number}").mkdir()
        (tmp_path / f"dkim-{number}" / "tls.key").write_bytes(pem(key))
    sender = declared(sender=dkim_campaign("dkim-0", "dkim-1")).sender
    keys = read_dkim_keys(sender, tmp_path)
    assert [(key.domain, key.selector) for key in keys] == [("shop.example", "s0"), ("shop.example", "s1")]
    letters = composer(CAMPAIGN)
    composed = letters.compose(recipient(first_name="Ann"))
    assert verified(DkimSigner(keys, letters.signed_fields).sign(composed) + composed.head + b"\r\n" + composed.body)
    assert read_dkim_keys(declared().sender, None) == []


def test_a_relay_that_takes_one_signature_gets_that_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "dkim-0").mkdir()
    (tmp_path / "dkim-0" / "tls.key").write_bytes(pem(KEYS[0]))
    relay = {"host": "relay.example", "messageId": "Replaced"}
    sender = declared(sender={**dkim_campaign("dkim-0", "dkim-1"), "route": relay}).sender
    (key,) = read_dkim_keys(sender, tmp_path)
    assert key.selector == "s0"


def test_every_key_that_is_absent_or_weak_is_named(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1024)
    files = {"weak": pem(weak), "curve": pem(ec.generate_private_key(ec.SECP256R1())), "text": b"canary"}
    for name, content in files.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "tls.key").write_bytes(content)
    for names, words in (
        (("weak", "curve"), ("has 1024 bits, fewer than 2048", "is not an RSA key")),
        (("text", "absent"), ("is not a private key in PEM", "No such file")),
    ):
        with pytest.raises(InvalidInput) as caught:
            read_dkim_keys(declared(sender=dkim_campaign(*names)).sender, tmp_path)
        assert all(word in str(caught.value) for word in words)
        assert len(caught.value.mistakes) == 2
        assert "canary" not in str(caught.value)
    with pytest.raises(Refused, match="HEROLD_SECRETS_DIR"):
        read_dkim_keys(declared(sender=dkim_campaign("weak")).sender, None)
