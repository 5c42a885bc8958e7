"""What stands in DNS at `<selector>._domainkey.<domain>`, held against the key that signs (RFC 6376 3.6.1)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

_PUBLISH = "publish the public half of the key that signs there; docs/runbooks/trouble-ahead.md has the command"
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BLANK = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class RecordFault:
    """Why receivers don't count our signatures: in one word, as the end of a sentence about the name, and what to do.

    Nothing of it quotes the record: whoever owns the zone wrote that.
    """

    what: Literal["DkimKeyNotPublished", "DkimKeyInTesting"]
    says: str
    fix: str


def record_fault(texts: Sequence[bytes], signs: RSAPublicKey) -> RecordFault | None:
    """`texts`: each TXT record at the name, its strings joined; `signs`: the public half of the key that signs."""
    if not texts:
        return _not_published("no TXT record is there, so no receiver can check our signatures")
    if len(texts) > 1:
        # RFC 6376 3.6.2.2: what a receiver makes of them is undefined.
        says = f"{len(texts)} TXT records are there, and a receiver may take any of them for the key"
        return _not_published(says, "leave the one record with the public half of the key that signs")
    try:
        tags = _tags(texts[0].decode("ascii"))
    except ValueError:
        return _not_published("the TXT record there is no DKIM key")
    return _fault(tags, signs)


def _fault(tags: Mapping[str, str], signs: RSAPublicKey) -> RecordFault | None:
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return _not_published("the TXT record there is no DKIM key")
    if not tags["p"]:
        fix = "let spec.dkim of the sender name a key under another selector: what was revoked is not used again"
        return _not_published("the key there is revoked (p= is empty)", fix)
    for tag, wanted, default in (("k", "rsa", "rsa"), ("h", "sha256", "sha256"), ("s", "email", "email")):
        if not {wanted, "*"} & set(tags.get(tag, default).split(":")):
            return _not_published(f"the key there is not for our signatures ({tag}= leaves {wanted} out)")
    try:
        # A SubjectPublicKeyInfo in practice, the RSAPublicKey inside it by the letter of the RFC: both are read.
        there = load_der_public_key(base64.b64decode(tags["p"], validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _not_published("the key there can't be read (p=)")
    if not isinstance(there, RSAPublicKey) or there.public_numbers() != signs.public_numbers():
        return _not_published(
            "another key is published there than the one that signs",
            "put the published key's private half into the Secret, or publish the one that signs, best under a new "
            "selector; docs/runbooks/trouble-ahead.md has the commands",
        )
    if "y" in tags.get("t", "").split(":"):
        return RecordFault(
            "DkimKeyInTesting",
            "the key there is marked as a test (t=y), so receivers may take our mail for unsigned",
            "take t=y out of the record",
        )
    return None


def _tags(text: str) -> dict[str, str]:
    """RFC 6376 3.2, without blanks: in none of the tags that are looked at they count. Raises ValueError."""
    tags: dict[str, str] = {}
    for part in filter(str.strip, text.split(";")):
        name, equals, value = part.partition("=")
        name = name.strip(" \t\r\n")
        if not equals or name in tags or _TAG.fullmatch(name) is None or (name == "v" and tags):
            raise ValueError(name)
        tags[name] = _BLANK.sub("", value)
    return tags


def _not_published(says: str, fix: str = _PUBLISH) -> RecordFault:
    return RecordFault("DkimKeyNotPublished", says, fix)
