"""The certificates of the local cluster."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from local.cluster.kubeconfig import build_kubeconfig
from local.cluster.layout import API_SERVICE_ADDRESS, API_URL, NODE_ADDRESS
from local.cluster.pki import AUTHORITIES, KUBECONFIGS, LEAVES, VALID_FOR, Leaf, Pair, issue

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def pairs() -> dict[str, Pair]:
    return issue(NOW)


def _read(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.file)
def test_a_certificate_is_signed_by_its_own_authority_and_by_no_other(leaf: Leaf, pairs: dict[str, Pair]) -> None:
    certificate = _read(pairs[leaf.file])
    certificate.verify_directly_issued_by(_read(pairs[leaf.authority]))
    for other in set(AUTHORITIES) - {leaf.authority}:
        with pytest.raises((ValueError, InvalidSignature)):
            certificate.verify_directly_issued_by(_read(pairs[other]))


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.file)
def test_a_certificate_is_of_its_key_and_valid_from_now_on(leaf: Leaf, pairs: dict[str, Pair]) -> None:
    pair = pairs[leaf.file]
    certificate = _read(pair)
    assert load_pem_private_key(pair.key, None).public_key() == certificate.public_key()
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc == NOW + VALID_FOR


def test_clients_reach_the_api_server_by_node_and_by_service(pairs: dict[str, Pair]) -> None:
    names = _read(pairs["apiserver"]).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    assert ipaddress.ip_address(NODE_ADDRESS) in addresses
    assert ipaddress.ip_address(API_SERVICE_ADDRESS) in addresses
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_only_the_administrator_is_a_master(pairs: dict[str, Pair]) -> None:
    masters = [leaf.file for leaf in LEAVES if "system:masters" in _read(pairs[leaf.file]).subject.rfc4514_string()]
    assert masters == ["admin"]


@pytest.mark.parametrize("client", KUBECONFIGS)
def test_a_kubeconfig_has_one_context_that_is_current(client: str, pairs: dict[str, Pair]) -> None:
    config = json.loads(build_kubeconfig(client, pairs[client], pairs["ca"].certificate))
    (context,) = config["contexts"]
    assert context["name"] == config["current-context"]
    assert context["context"]["user"] == config["users"][0]["name"] == client
    assert config["clusters"][0]["cluster"]["server"] == API_URL


def test_a_certificate_that_an_older_cluster_lacks_comes_from_its_own_authority(pairs: dict[str, Pair]) -> None:
    older = {name: pair for name, pair in pairs.items() if name != "metrics-server"}
    now = issue(NOW + dt.timedelta(days=1), older)
    assert {name: pair for name, pair in now.items() if name != "metrics-server"} == older
    _read(now["metrics-server"]).verify_directly_issued_by(_read(pairs["ca"]))
