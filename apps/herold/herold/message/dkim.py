"""DKIM signatures (RFC 6376): relaxed/relaxed, RSA with SHA-256, every signed header field oversigned.

RSA alone: Gmail does not count Ed25519 (RFC 8463) by itself.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from herold.errors import InvalidInput, Mistake, Refused
from herold.message.compose import Composed
from herold.resources.sender import SenderProfile

MIN_BITS = 2048
KEY_FILE = "tls.key"
_FOLD = 72


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key, and where its public half is published: `<selector>._domainkey.<domain>`."""

    domain: str
    selector: str
    key: RSAPrivateKey


class DkimSigner:
    """Signs with each of its keys: one, or two while a key is rotated."""

    def __init__(self, keys: Sequence[DkimKey], fields: Sequence[str]) -> None:
        """`fields`: `Composer.signed_fields` of the messages that it signs."""
        self._keys = [(key.key, *_templates(key, [name for name in fields for _ in range(2)])) for key in keys]

    def sign(self, composed: Composed) -> bytes:
        """Complete `DKIM-Signature` lines; b"" without keys. Call it in threads: the RSA part, nearly all of its
        time, runs without the interpreter's lock."""
        if not self._keys:
            return b""
        digest = base64.b64encode(hashlib.sha256(relaxed_body(composed.body)).digest())
        lines = []
        for key, line, relaxed in self._keys:
            # The line itself is signed last, with an empty b= and without its CRLF (RFC 6376 3.7).
            signature = key.sign(composed.signed + relaxed % digest, PKCS1v15(), SHA256())
            text = base64.b64encode(signature)
            folded = b"\r\n ".join(text[at : at + _FOLD] for at in range(0, len(text), _FOLD))
            lines.append(line % (digest, folded))
        return b"".join(lines)


def relaxed_body(body: bytes) -> bytes:
    """The body as RFC 6376 3.4.4 signs it: runs of blanks are one, none at the end of a line, no empty lines last."""
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    stripped = body.rstrip(b"\r\n")
    return stripped + b"\r\n" if stripped else b""


def read_dkim_keys(sender: SenderProfile, secrets_dir: Path | None) -> list[DkimKey]:
    """The keys of a SenderProfile that sign, from `<secrets_dir>/<keyRef.name>/tls.key`.

    Raises Refused when there is no folder of secrets, InvalidInput for keys that are absent or too weak.
    """
    declared = sender.spec.dkim
    if sender.spec.route.message_id == "Replaced":
        # SES refuses a second DKIM-Signature, 554: https://docs.aws.amazon.com/ses/latest/dg/header-fields.html.
        declared = declared[:1]
    if not declared:
        return []
    name = f"SenderProfile {sender.metadata.namespace}/{sender.metadata.name}"
    if secrets_dir is None:
        raise Refused("KeyMissing", f"{name} signs by DKIM, and there are no secrets", hint="set HEROLD_SECRETS_DIR")
    keys: list[DkimKey] = []
    mistakes: list[Mistake] = []
    for index, entry in enumerate(declared):
        key, wrong = _read_key(secrets_dir / entry.key_ref.name / KEY_FILE)
        if key is not None:
            keys.append(DkimKey(entry.domain, entry.selector, key))
            continue
        where = f"secret {entry.key_ref.name}, {KEY_FILE}"
        fix = "put an RSA key there: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"
        mistakes.append(Mistake(name, 0, 0, f"spec.dkim[{index}].keyRef", f"{where}: {wrong}", fix))
    if mistakes:
        raise InvalidInput(mistakes, what="DKIM keys")
    return keys


def _read_key(path: Path) -> tuple[RSAPrivateKey | None, str]:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        return None, error.strerror or "can't be read"
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's words may quote the file.
        return None, "is not a private key in PEM without a password"
    if not isinstance(key, RSAPrivateKey):
        return None, "is not an RSA key"
    if key.key_size < MIN_BITS:
        return None, f"has {key.key_size} bits, fewer than {MIN_BITS}"
    return key, ""


def _templates(key: DkimKey, names: Sequence[str]) -> tuple[bytes, bytes]:
    """The line (two `%s`: body hash, signature) and its relaxed form (one: body hash)."""
    lines = [f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={key.domain};", f"s={key.selector};"]
    line = "h="
    for index, field in enumerate(names):
        last = index == len(names) - 1
        word = field + (";" if last else ":")
        if len(line) + len(word) > _FOLD:
            lines.append(line)
            line = ""
        line += word
    lines += [line, "bh=%s;"]
    # A fold is one blank in the relaxed form, and the blank is part of h= in both.
    return (
        ("DKIM-Signature: " + "\r\n ".join([*lines, "b=%s"]) + "\r\n").encode(),
        ("dkim-signature:" + " ".join([*lines, "b="])).encode(),
    )
