"""What stands in place of the external id of an erased person: enough to know them again, not enough to tell who."""

from __future__ import annotations

import hashlib

from herold.contacts.rows import TOMBSTONE


def tombstone(key: bytes, external_id: str) -> str:
    """`erased:` and a keyed BLAKE2b (16 bytes) in hex."""
    digest = hashlib.blake2b(external_id.encode(), key=key[:64], digest_size=16, person=b"herold.external")
    return TOMBSTONE + digest.hexdigest()
