"""The certificates of a throwaway cluster: three authorities, what they signed, and one key for service accounts.

Keys are EC P-256 (a whole set in a quarter of a second); service account tokens are RS256, so that key is RSA-2048.
Which certificates exist follows https://kubernetes.io/docs/setup/best-practices/certificates/.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from local.cluster.layout import (
    API_SERVICE_ADDRESS,
    GIT_ADDRESS,
    GIT_NAMESPACE,
    NODE,
    NODE_ADDRESS,
    PLATFORM_NAMESPACE,
)

VALID_FOR = dt.timedelta(days=365)
BACKDATED = dt.timedelta(minutes=5)


class Use(Enum):
    """What a certificate may be used for."""

    CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
    BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True)
class Leaf:
    """A certificate that is wanted: file name, authority, subject, use, names and addresses."""

    file: str
    authority: str
    common_name: str
    use: Use
    organization: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


LOOPBACK = ("127.0.0.1", "localhost")
AUTHORITIES = ("ca", "etcd-ca", "front-proxy-ca")
LEAVES = (
    Leaf("etcd", "etcd-ca", "etcd", Use.BOTH, names=LOOPBACK),
    Leaf("apiserver-etcd", "etcd-ca", "apiserver-etcd", Use.CLIENT),
    Leaf("front-proxy", "front-proxy-ca", "front-proxy-client", Use.CLIENT),
    Leaf(
        "apiserver",
        "ca",
        "kube-apiserver",
        Use.SERVER,
        names=(
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            NODE,
            NODE_ADDRESS,
            API_SERVICE_ADDRESS,
            *LOOPBACK,
        ),
    ),
    Leaf("apiserver-kubelet", "ca", "kube-apiserver-kubelet-client", Use.CLIENT),
    Leaf(
        "kubelet-serving",
        "ca",
        f"system:node:{NODE}",
        Use.SERVER,
        organization="system:nodes",
        names=(NODE, NODE_ADDRESS),
    ),
    Leaf("controller-manager-serving", "ca", "kube-controller-manager", Use.SERVER, names=LOOPBACK),
    Leaf("scheduler-serving", "ca", "kube-scheduler", Use.SERVER, names=LOOPBACK),
    # The relay in the cluster, by the name of its Service.
    Leaf("relay", "ca", "relay", Use.SERVER, names=(f"sink.{PLATFORM_NAMESPACE}.svc.cluster.local",)),
    # What answers for metrics.k8s.io, by the name at which the API server asks it.
    Leaf("metrics-server", "ca", "metrics-server", Use.SERVER, names=("metrics-server.kube-system.svc",)),
    # The Git server, and Argo CD's server, which it tells of a push.
    Leaf("git", "ca", "git", Use.SERVER, names=(f"git.{GIT_NAMESPACE}.svc.cluster.local", GIT_ADDRESS)),
    Leaf("argocd-server", "ca", "argocd-server", Use.SERVER, names=("argocd-server.argocd.svc.cluster.local",)),
    Leaf("admin", "ca", "herold-admin", Use.CLIENT, organization="system:masters"),
    Leaf("kubelet", "ca", f"system:node:{NODE}", Use.CLIENT, organization="system:nodes"),
    Leaf("kube-controller-manager", "ca", "system:kube-controller-manager", Use.CLIENT),
    Leaf("kube-scheduler", "ca", "system:kube-scheduler", Use.CLIENT),
    Leaf("kube-proxy", "ca", "system:kube-proxy", Use.CLIENT),
    Leaf("enforcer", "ca", "herold-enforcer", Use.CLIENT),
)
# The clients that read a kubeconfig, by the file of their certificate.
KUBECONFIGS = ("admin", "kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy")


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def issue(now: dt.datetime, known: Mapping[str, Pair] = MappingProxyType({})) -> dict[str, Pair]:
    """Every authority and certificate of a cluster, by file name; `sa` holds the service accounts' public key.

    What is `known` stays as it is: a cluster from before a new certificate gets that one from its own authority.
    """
    pairs = dict(known)
    authorities = {name: _read(pairs[name]) if name in pairs else _authority(name, now) for name in AUTHORITIES}
    for name, each in authorities.items():
        pairs.setdefault(name, Pair(_pem(each.certificate), _key_pem(each.key)))
    for leaf in LEAVES:
        if leaf.file not in pairs:
            pairs[leaf.file] = _sign(leaf, authorities[leaf.authority], now)
    if "sa" not in pairs:
        accounts = rsa.generate_private_key(65537, 2048)
        public = accounts.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
        pairs["sa"] = Pair(public, _key_pem(accounts))
    return pairs


def issue_relay(now: dt.datetime) -> tuple[str, Pair]:
    """For a cluster whose authority is not ours: one of the relay's own (PEM), and the relay's certificate by it."""
    authority = _authority("herold-relay-ca", now)
    (leaf,) = [leaf for leaf in LEAVES if leaf.file == "relay"]
    return _pem(authority.certificate).decode(), _sign(leaf, authority, now)


def _read(pair: Pair) -> _Authority:
    key = pem.load_pem_private_key(pair.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _Authority(x509.load_pem_x509_certificate(pair.certificate), key)


def _authority(name: str, now: dt.datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name, None)
    builder = _begin(subject, subject, key.public_key(), now)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return _Authority(builder.sign(key, hashes.SHA256()), key)


def _sign(leaf: Leaf, authority: _Authority, now: dt.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(leaf.common_name, leaf.organization)
    builder = _begin(subject, authority.certificate.subject, key.public_key(), now)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
    )
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(leaf.use.value), critical=False)
    if leaf.names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in leaf.names]), critical=False
        )
    return Pair(_pem(builder.sign(authority.key, hashes.SHA256())), _key_pem(key))


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + VALID_FOR)
    )


def _name(common_name: str, organization: str | None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(pem.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
