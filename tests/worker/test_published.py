"""A pre-flight says when receivers won't find the key that signs, hours before; what nobody knows proves nothing."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.rcode
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from herold.ledger.database import Connection
from herold.ledger.installation import adopt
from herold.ledger.roles import BUILDER
from herold.ledger.tasks import request_task
from herold.processes.tasks import run_task
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings
from parts.campaigns import small_campaign
from parts.logins import login
from parts.name_server import NameServer, name_server, name_server_of_a_pod
from parts.people import KEY, add_people
from parts.smtp_sink import smtp_sink

DOMAIN = "shop.internal"  # of nobody, and not among those that are never asked for
NAME = f"s1._domainkey.{DOMAIN}"
Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module")
def other() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, database: str, connection: Connection, key: rsa.RSAPrivateKey) -> Iterator[Settings]:
    """Of a Job that looks ahead: with the login that builds audiences, and the key that signs."""
    secrets = tmp_path / "secrets"
    (secrets / "herold-key").mkdir(parents=True)
    (secrets / "herold-key" / "key").write_bytes(KEY)
    for name in ("dkim-shop", "dkim-next"):
        (secrets / name).mkdir()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (secrets / name / "tls.key").write_bytes(pem)
    owner = Settings(database_url=database, secrets_dir=secrets, state_dir=tmp_path / "state", single_node=True)
    adopt(connection, owner, KEY)
    add_people(connection, ["a@mail.example"])
    with login(connection, BUILDER) as url:
        yield owner.model_copy(update={"database_url": url})


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a relay at which nothing is wrong."""
    with smtp_sink(tmp_path / "sink.log") as sink:
        yield sink.port


def campaign(port: int, *selectors: str, domain: str = DOMAIN) -> ResolvedCampaign:
    secrets = ("dkim-shop", "dkim-next")
    keys = [
        {"domain": domain, "selector": selector, "keyRef": {"name": secret}}
        for selector, secret in zip(selectors or ("s1",), secrets, strict=False)
    ]
    return small_campaign(port=port, schedule={"at": "2099-12-01T09:00:00"}, sender={"dkim": keys})


def record(key: rsa.RSAPrivateKey, tags: str = "v=DKIM1; k=rsa; ", more: str = "") -> str:
    """As people publish it."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{tags}p={base64.b64encode(der).decode()}{more}"


def look(
    connection: Connection, settings: Settings, resolved: ResolvedCampaign, names: NameServer, lifetime: float = 20.0
) -> Outcome:
    """The receipt of a pre-flight."""
    task, _ = request_task(connection, "Preflight", resolved, digest=os.urandom(8).hex(), actor="operator")
    outcome = run_task(settings, task, resolver=names.resolver(lifetime))
    assert outcome is not None
    assert outcome["people"] == 1
    for each in outcome["findings"]:
        assert not (each["message"] + each["hint"]).endswith(".")
    return outcome


def found(outcome: Outcome) -> list[tuple[str, str]]:
    assert outcome["unknown"] == []
    return [(each["what"], each["message"]) for each in outcome["findings"]]


def test_a_key_that_is_published_is_no_finding_however_the_record_is_written(
    connection: Connection, settings: Settings, port: int, names: NameServer, key: rsa.RSAPrivateKey
) -> None:
    written = (
        record(key),
        record(key, ""),
        record(key, "v=DKIM1;k=rsa;h=sha1:sha256;s=email;t=s;", ";"),
        record(key, " v = DKIM1 ;; k=rsa; x_unknown=2; ", " ; "),
        record(key, "v=DKIM1; s=*; t=; ", "; n=not%20for%20machines"),
    )
    for text in written:
        names.records[NAME] = [text]
        assert found(look(connection, settings, campaign(port), names)) == [], text
    assert names.asked == [(NAME, "UDP")] * len(written)


def test_a_record_in_blocks_and_the_bare_key_that_the_rfc_means_are_read_too(
    connection: Connection, settings: Settings, port: int, names: NameServer, key: rsa.RSAPrivateKey
) -> None:
    bare = base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    names.records[NAME] = [f"v=DKIM1; p={bare[:64]} \t{bare[64:]}"]
    assert found(look(connection, settings, campaign(port), names)) == []


def test_an_answer_that_is_too_long_for_one_packet_is_read_by_tcp(
    connection: Connection, settings: Settings, port: int, names: NameServer, key: rsa.RSAPrivateKey
) -> None:
    names.records[NAME] = [record(key, more=f"; n={'x' * 400}")]
    assert found(look(connection, settings, campaign(port), names)) == []
    assert names.asked == [(NAME, "UDP"), (NAME, "TCP")]


def test_a_name_without_a_record_is_found_and_no_longer_once_it_is_published(
    connection: Connection, settings: Settings, port: int, names: NameServer, key: rsa.RSAPrivateKey
) -> None:
    message = f"{NAME}: no TXT record is there, so no receiver can check our signatures"
    for is_there in (False, True):  # NXDOMAIN, and a name without one
        names.records = {NAME: []} if is_there else {}
        outcome = look(connection, settings, campaign(port), names)
        assert found(outcome) == [("DkimKeyNotPublished", message)]
        assert "publish the public half of the key" in outcome["findings"][0]["hint"]
    names.records[NAME] = [record(key)]
    assert found(look(connection, settings, campaign(port), names)) == []


def test_a_key_that_is_revoked_is_found(
    connection: Connection, settings: Settings, port: int, names: NameServer
) -> None:
    names.records[NAME] = ["v=DKIM1; p="]
    outcome = look(connection, settings, campaign(port), names)
    assert found(outcome) == [("DkimKeyNotPublished", f"{NAME}: the key there is revoked (p= is empty)")]
    assert "another selector" in outcome["findings"][0]["hint"]


def test_another_key_than_the_one_that_signs_is_found(
    connection: Connection, settings: Settings, port: int, names: NameServer, other: rsa.RSAPrivateKey
) -> None:
    names.records[NAME] = [record(other)]
    outcome = look(connection, settings, campaign(port), names)
    message = f"{NAME}: another key is published there than the one that signs"
    assert found(outcome) == [("DkimKeyNotPublished", message)]


def test_a_second_record_is_found_for_a_receiver_may_take_it(
    connection: Connection,
    settings: Settings,
    port: int,
    names: NameServer,
    key: rsa.RSAPrivateKey,
    other: rsa.RSAPrivateKey,
) -> None:
    names.records[NAME] = [record(key), record(other)]
    ((what, message),) = found(look(connection, settings, campaign(port), names))
    assert (what, message.startswith(f"{NAME}: 2 TXT records are there")) == ("DkimKeyNotPublished", True)


def test_a_key_in_testing_mode_is_found_unless_it_is_another_one_anyway(
    connection: Connection,
    settings: Settings,
    port: int,
    names: NameServer,
    key: rsa.RSAPrivateKey,
    other: rsa.RSAPrivateKey,
) -> None:
    names.records[NAME] = [record(key, "v=DKIM1; t=s:y; ")]
    ((what, message),) = found(look(connection, settings, campaign(port), names))
    assert (what, "t=y" in message) == ("DkimKeyInTesting", True)
    names.records[NAME] = [record(other, "v=DKIM1; t=y; ")]
    ((what, _),) = found(look(connection, settings, campaign(port), names))
    assert what == "DkimKeyNotPublished"


def test_a_record_that_no_receiver_can_use_is_found_and_nothing_of_it_is_quoted(
    connection: Connection, settings: Settings, port: int, names: NameServer
) -> None:
    unusable = (
        ("v=spf1 include:amazonses.com -all", "is no DKIM key"),
        ("v=DKIM2; p=AAAA", "is no DKIM key"),
        ("k=rsa; v=DKIM1; p=AAAA", "is no DKIM key"),
        ("v=DKIM1; p=AAAA; p=BBBB", "is no DKIM key"),
        ("v=DKIM1; k=rsa", "is no DKIM key"),
        ("v=DKIM1; p=grün", "is no DKIM key"),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "not for our signatures (k="),
        ("v=DKIM1; h=sha1; p=AAAA", "not for our signatures (h= leaves sha256 out"),
        ("v=DKIM1; s=other; p=AAAA", "not for our signatures (s= leaves email out"),
        ("v=DKIM1; p=no base64!", "can't be read"),
        ("v=DKIM1; p=AAAA", "can't be read"),
    )
    for text, says in unusable:
        names.records[NAME] = [text]
        ((what, message),) = found(look(connection, settings, campaign(port), names))
        assert (what, says in message, "AAAA" in message) == ("DkimKeyNotPublished", True, False), (text, message)


def test_while_a_key_is_rotated_each_of_both_is_looked_for(
    connection: Connection, settings: Settings, port: int, names: NameServer, key: rsa.RSAPrivateKey
) -> None:
    names.records[NAME] = [record(key)]
    ((_, message),) = found(look(connection, settings, campaign(port, "s1", "s2"), names))
    assert message.startswith(f"s2._domainkey.{DOMAIN}: no TXT record")
    assert [name for name, _ in names.asked] == [NAME, f"s2._domainkey.{DOMAIN}"]


def test_a_name_server_that_can_not_answer_is_no_finding_and_it_is_said_that_nobody_knows(
    connection: Connection, settings: Settings, port: int, names: NameServer
) -> None:
    for rcode in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):
        names.rcode = rcode
        outcome = look(connection, settings, campaign(port), names)
        assert outcome["findings"] == []
        assert outcome["unknown"] == [f"{NAME}: the name servers could not answer"]


def test_a_name_server_that_is_silent_keeps_no_pre_flight_waiting_and_it_is_said_that_nobody_knows(
    connection: Connection, settings: Settings, port: int, names: NameServer
) -> None:
    names.is_silent = True
    outcome = look(connection, settings, campaign(port), names, lifetime=0.5)
    assert outcome["findings"] == []
    assert outcome["unknown"] == [f"{NAME}: no name server answered in time"]
    assert names.asked != []


def test_nobody_is_asked_for_a_reserved_domain(
    connection: Connection, settings: Settings, port: int, names: NameServer
) -> None:
    for domain in ("shop.example", "shop.test", "a.invalid", "localhost", "mail.example.org"):
        assert found(look(connection, settings, campaign(port, domain=domain), names)) == []
    assert names.asked == []


def test_a_key_that_is_missing_is_said_and_not_looked_for(
    connection: Connection, settings: Settings, port: int, names: NameServer
) -> None:
    assert settings.secrets_dir is not None
    (settings.secrets_dir / "dkim-shop" / "tls.key").unlink()
    assert [what for what, _ in found(look(connection, settings, campaign(port), names))] == ["DkimKeyUnusable"]
    assert names.asked == []


def test_a_pod_asks_whom_its_resolv_conf_names_and_for_no_other_name_than_the_keys(
    tmp_path: Path, connection: Connection, settings: Settings, port: int
) -> None:
    task, _ = request_task(connection, "Preflight", campaign(port), digest="d", actor="operator")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEROLD_")}
    environ |= {"HEROLD_DATABASE_URL": str(settings.database_url), "HEROLD_SECRETS_DIR": str(settings.secrets_dir)}
    environ |= {"HEROLD_STATE_DIR": str(tmp_path / "state"), "HEROLD_SINGLE_NODE": "true"}
    with name_server_of_a_pod(tmp_path) as (names, begin):
        command = [*begin, sys.executable, "-m", "herold.cli", "task", "run", str(task)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        asked = names.asked
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n  DkimKeyNotPublished: {NAME}: no TXT record is there" in done.stdout
    assert asked == [(NAME, "UDP")]
