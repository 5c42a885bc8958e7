"""A certificate for nobody's eyes: made at every start, signed by itself, its key never kept.

The API server's proxy encrypts, and asks for no name (it reaches Services by address): a certificate that somebody
had to make, store and renew would prove no more than this one. docs/decisions tells what that costs.
"""

from __future__ import annotations

import datetime
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from herold_reader.protocol import SERVICE

_VALID = datetime.timedelta(days=3_650)
_BACKDATED = datetime.timedelta(hours=1)


def server_context(now: datetime.datetime) -> ssl.SSLContext:
    """TLS 1.2 and later, with a key of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVICE)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVICE)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python reads keys from files only; this one lies in memory (the pod's /tmp) and for a moment.
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate.public_bytes(pem.Encoding.PEM))
        file.write(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()))
        file.flush()
        context.load_cert_chain(Path(file.name))
    return context
