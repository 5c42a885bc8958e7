"""Addresses: one form for each mailbox, its domain, and the keyed hash under which the ledger knows it."""

from __future__ import annotations

import hashlib
import re

from herold.resources.scalars import ADDRESS_PATTERN

HASH_BYTES = 16
MAX_LENGTH = 254  # RFC 5321 4.5.3.1.3: a path of 256 with its brackets
MAX_LOCAL = 64  # RFC 5321 4.5.3.1.1

_ADDRESS = re.compile(ADDRESS_PATTERN)


def normalise(address: str) -> str:
    """The one form of an address: trimmed, lower case, the domain in ASCII (IDNA). Raises ValueError.

    The local part is folded to lower case too: that two people differ by its case only does not happen, that one
    person is written both ways does.
    """
    text = address.strip()
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise ValueError("is not a mail address")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError("has a domain that does not exist") from None
    text = f"{local}@{domain}".lower()
    if not text.isascii():
        raise ValueError("has a local part outside ASCII, which needs SMTPUTF8; no route here has it")
    if len(text) > MAX_LENGTH or len(local) > MAX_LOCAL:
        raise ValueError("is too long")
    if not _ADDRESS.fullmatch(text):
        raise ValueError("is not a mail address")
    return text


def domain_of(address: str) -> str:
    """The domain of a normalised address."""
    return address.rpartition("@")[2]


def address_hash(key: bytes, address: str) -> bytes:
    """Keyed BLAKE2b of a normalised address, 16 bytes: what suppressions and deliveries keep in its place."""
    return hashlib.blake2b(address.encode(), key=key[:64], digest_size=HASH_BYTES, person=b"herold.address").digest()
