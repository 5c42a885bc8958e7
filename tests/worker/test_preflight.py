"""A pre-flight names everything that would go wrong, with what to do, and sends, writes and tells nothing else."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from herold.ledger.counts import run_status
from herold.ledger.database import Connection, connect, one
from herold.ledger.installation import adopt
from herold.ledger.roles import BUILDER
from herold.ledger.runs import start_run
from herold.ledger.tasks import request_task, withdraw_tasks
from herold.processes.tasks import run_task
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings
from parts.campaigns import TEAM, small_campaign
from parts.certificates import Certificates, make_certificates
from parts.logins import login
from parts.people import KEY, add_people
from parts.scripted_relay import Talk, relay_in_thread
from parts.smtp_sink import SmtpSink, smtp_sink

Findings = dict[str, dict[str, str]]
PASSWORD = "s3cret-of-the-relay"
SIGNED = {"dkim": [{"domain": "shop.example", "selector": "s1", "keyRef": {"name": "dkim-shop"}}]}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def dkim_key() -> bytes:
    return pem(rsa.generate_private_key(65_537, 2048))


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none)


@pytest.fixture
def settings(
    tmp_path: Path, database: str, connection: Connection, certificates: Certificates, dkim_key: bytes
) -> Iterator[Settings]:
    """Of a Job that looks ahead: with the login that builds audiences, and all secrets of the sender."""
    secrets = tmp_path / "secrets"
    put(secrets, "herold-key", "key", KEY)
    put(secrets, "relay", "username", b"shop")
    put(secrets, "relay", "password", PASSWORD.encode())
    put(secrets, "relay-ca", "ca.crt", certificates.authority.read_bytes())
    put(secrets, "dkim-shop", "tls.key", dkim_key)
    owner = Settings(database_url=database, secrets_dir=secrets, state_dir=tmp_path / "state", single_node=True)
    adopt(connection, owner, KEY)
    with login(connection, BUILDER) as url:
        yield owner.model_copy(update={"database_url": url})


def put(secrets: Path, name: str, file: str, content: bytes) -> Path:
    path = secrets / name / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@contextmanager
def relay(tmp_path: Path, certificates: Certificates | None, *more: str) -> Iterator[SmtpSink]:
    """A relay that wants TLS, when it has a certificate, and a login."""
    (tmp_path / "login").write_text(f"shop:{PASSWORD}\n")
    options = [*more]
    if certificates is not None:
        options += ["--tls-cert", str(certificates.certificate), "--tls-key", str(certificates.key)]
        options += ["--auth", str(tmp_path / "login")]
    with smtp_sink(tmp_path / "sink.log", *options) as sink:
        yield sink


def campaign(
    port: int, *, sender: dict[str, Any] | None = None, route: dict[str, Any] | None = None, **overrides: Any
) -> ResolvedCampaign:
    """To everybody, in the name of somebody who signs, over a relay with TLS and a login. Its time is far away."""
    way = {
        **{"host": "localhost", "port": port, "tls": "StartTls"},
        **{"caRef": {"name": "relay-ca"}, "credentialsRef": {"name": "relay"}},
        **(route or {}),
    }
    schedule = {"at": "2099-12-01T09:00:00", **overrides.pop("schedule", {})}
    return small_campaign(schedule=schedule, sender={"route": way, **SIGNED, **(sender or {})}, **overrides)


def look(connection: Connection, settings: Settings, resolved: ResolvedCampaign, digest: str = "d") -> Findings:
    """What a pre-flight finds, by what it is."""
    task, _ = request_task(connection, "Preflight", resolved, digest=digest, actor="operator")
    outcome = run_task(settings, task)
    assert outcome is not None
    assert one(connection, "SELECT outcome, resolved FROM task WHERE id = %s", (task,)) == (outcome, None)
    for each in outcome["findings"]:
        assert set(each) == {"what", "message", "hint"}
        assert not (each["message"] + each["hint"]).endswith(".")
    found = {each["what"]: each for each in outcome["findings"]}
    assert len(found) == len(outcome["findings"])
    assert PASSWORD not in json.dumps(outcome)
    return found


def test_where_all_is_well_it_finds_nothing_and_sends_nothing(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    add_people(connection, ["a@mail.example", "b@mail.example"])
    with relay(tmp_path, certificates) as sink:
        assert look(connection, settings, campaign(sink.port)) == {}
        assert sink.control.counts()["opened"] == 1
        assert sink.accepted() == []
    assert run_status(connection) == []
    assert one(connection, "SELECT outcome -> 'people' FROM task") == (2,)


def refused_port() -> int:
    """A port at which nobody listens: the kernel gave it, and it was closed."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        return int(other.getsockname()[1])


def test_a_relay_that_is_away_is_found(connection: Connection, settings: Settings) -> None:
    add_people(connection, ["a@mail.example"])
    port = refused_port()
    found = look(connection, settings, campaign(port))
    assert set(found) == {"RelayAway"}
    assert found["RelayAway"]["message"].startswith(f"localhost:{port}: no connection to the relay")
    assert "SenderProfile campaigns-shared/shop-newsletter" in found["RelayAway"]["hint"]


@pytest.mark.parametrize("what", ["unknown authority", "other name", "expired"])
def test_a_certificate_that_is_not_valid_is_found(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates, what: str
) -> None:
    add_people(connection, ["a@mail.example"])
    served = certificates
    if what != "unknown authority":
        names, days = (("mail.example.com",), 2) if what == "other name" else ((), -1)
        served = make_certificates(tmp_path / "served", *names, days=days)
    authority = make_certificates(tmp_path / "own").authority if what == "unknown authority" else served.authority
    assert settings.secrets_dir is not None
    put(settings.secrets_dir, "relay-ca", "ca.crt", authority.read_bytes())
    with relay(tmp_path, served) as sink:
        found = look(connection, settings, campaign(sink.port))
    assert set(found) == {"CertificateNotValid"}
    assert "route.caRef" in found["CertificateNotValid"]["hint"]


def test_a_relay_without_starttls_is_found(tmp_path: Path, connection: Connection, settings: Settings) -> None:
    add_people(connection, ["a@mail.example"])
    with relay(tmp_path, None) as sink:
        found = look(connection, settings, campaign(sink.port))
    assert set(found) == {"RelayWithoutTls"}
    assert "route.tls: Implicit" in found["RelayWithoutTls"]["hint"]


def test_a_wrong_password_is_found_and_mending_it_is_seen(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    add_people(connection, ["a@mail.example"])
    assert settings.secrets_dir is not None
    path = put(settings.secrets_dir, "relay", "password", b"not-the-password")
    with relay(tmp_path, certificates) as sink:
        found = look(connection, settings, campaign(sink.port))
        assert set(found) == {"LoginRefused"}
        assert "535" in found["LoginRefused"]["message"]
        assert "the Secret relay" in found["LoginRefused"]["hint"]
        assert "not-the-password" not in json.dumps(found)
        path.write_bytes(PASSWORD.encode())
        assert look(connection, settings, campaign(sink.port)) == {}
        assert sink.accepted() == []


def test_a_relay_that_quotes_the_login_brings_it_nowhere(
    connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    """The relay is scripted: it answers with everything that it was told, plain and decoded."""
    add_people(connection, ["a@mail.example"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    said: list[str] = []

    async def script(talk: Talk) -> None:
        await talk.hello("AUTH PLAIN")
        token = (await talk.line()).rpartition(" ")[2]
        words = base64.b64decode(token).decode().split("\0")
        said.append(words[2])
        talk.say(f"535 5.7.8 no: {token} {words[1]} {words[2]} {base64.b64encode(words[2].encode()).decode()}")
        await talk.line()

    with relay_in_thread(script, tls=context) as port:
        found = look(connection, settings, campaign(port, route={"tls": "Implicit"}))
    assert said == [PASSWORD]
    message = f"localhost:{port}: the relay can't be used: 535 no: [login] [login] [login] [login]"
    assert found["LoginRefused"]["message"] == message


@pytest.mark.parametrize("greeting", ["554 5.3.2 we take no mail", "421 4.3.2 too many connections"])
def test_a_relay_that_does_not_want_us_is_found(connection: Connection, settings: Settings, greeting: str) -> None:
    add_people(connection, ["a@mail.example"])

    async def script(talk: Talk) -> None:
        talk.say(greeting)
        await talk.line()

    with relay_in_thread(script) as port:
        found = look(connection, settings, campaign(port))
    assert set(found) == {"RelayRefuses"}
    assert greeting[:3] in found["RelayRefuses"]["message"]
    assert "whoever runs the relay" in found["RelayRefuses"]["hint"]


def test_every_secret_that_is_missing_is_found(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    add_people(connection, ["a@mail.example"])
    assert settings.secrets_dir is not None
    for place in ("relay/password", "relay/username", "dkim-shop/tls.key", "relay-ca/ca.crt"):
        (settings.secrets_dir / place).unlink()
    task, _ = request_task(connection, "Preflight", campaign(1), digest="d", actor="operator")
    outcome = run_task(settings, task)
    assert outcome is not None
    words = json.dumps(outcome["findings"])
    for place in ("relay/password", "relay/username", "secret dkim-shop, tls.key", "relay-ca/ca.crt"):
        assert place in words
    assert sorted(each["what"] for each in outcome["findings"]) == ["DkimKeyUnusable", *["SecretUnusable"] * 3]


@pytest.mark.parametrize("what", ["no key", "too short", "no RSA"])
def test_a_key_that_signs_nothing_is_found(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates, what: str
) -> None:
    add_people(connection, ["a@mail.example"])
    keys = {
        "no key": b"something else",
        "too short": pem(rsa.generate_private_key(65_537, 1024)),
        "no RSA": pem(ec.generate_private_key(ec.SECP256R1())),
    }
    assert settings.secrets_dir is not None
    put(settings.secrets_dir, "dkim-shop", "tls.key", keys[what])
    with relay(tmp_path, certificates) as sink:
        found = look(connection, settings, campaign(sink.port))
    assert set(found) == {"DkimKeyUnusable"}
    assert "spec.dkim[0].keyRef: secret dkim-shop, tls.key" in found["DkimKeyUnusable"]["message"]
    assert "openssl genpkey" in found["DkimKeyUnusable"]["hint"]


def test_the_audience_as_it_is_now_is_counted(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    with relay(tmp_path, certificates) as sink:
        assert set(look(connection, settings, campaign(sink.port))) == {"NobodyToReach"}
        add_people(connection, ["a@mail.example", "b@mail.example"])
        most = {"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 1}}
        found = look(connection, settings, campaign(sink.port, campaign=most))
        assert set(found) == {"TooManyRecipients"}
        assert "2 people" in found["TooManyRecipients"]["message"]


def test_what_can_not_be_done_in_time_is_found(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    add_people(connection, [f"p{number}@mail.example" for number in range(100)])
    slow = {"limits": {"perSecond": "0.01"}}
    with relay(tmp_path, certificates) as sink:
        found = look(connection, settings, campaign(sink.port, sender=slow, schedule={"expiresAfter": "1h"}))
        assert set(found) == {"ManyExpire"}
        assert "expiresAfter" in found["ManyExpire"]["hint"]
        early = {"warmUp": {"startDate": "2099-12-01", "perDay": [10]}}
        found = look(connection, settings, campaign(sink.port, sender=early, schedule={"expiresAfter": "1h"}))
        assert set(found) == {"ManyExpire"}
        assert found["ManyExpire"]["message"].startswith("90 people")


def test_a_message_that_is_longer_than_the_relay_takes_is_found(connection: Connection, settings: Settings) -> None:
    add_people(connection, ["a@mail.example"])
    contents = [{"locale": "en", "subject": "Hello", "text": ("x" * 60 + "\n") * 50 + "{{ unsubscribe_url }}\n"}]

    async def script(talk: Talk) -> None:
        await talk.hello("SIZE 2000")
        assert await talk.line() == "QUIT"
        talk.say("221 bye")

    with relay_in_thread(script) as port:
        plain = {"host": "127.0.0.1", "port": port, "tls": "None"}
        sender, template = {"route": plain}, {"contents": contents}
        found = look(connection, settings, campaign(port, sender=sender, template=template))
    assert set(found) == {"MessageTooLong"}
    assert "2,000 bytes at most" in found["MessageTooLong"]["message"]


def test_a_message_that_people_of_the_audience_break_is_found(connection: Connection, settings: Settings) -> None:
    add_people(connection, ["a@mail.example"])
    without = campaign(refused_port(), template={"attributeDefaults": []})
    connection.execute('UPDATE contact SET attributes = \'{"first_name": "Ann"}\'')
    assert set(look(connection, settings, without)) == {"RelayAway"}
    connection.execute("UPDATE contact SET attributes = '{}'")
    found = look(connection, settings, without)
    assert set(found) == {"CannotRender", "MissingAttribute", "RelayAway"}
    assert "1 of 1 people" in found["CannotRender"]["message"]
    assert "a@mail.example" not in json.dumps(found)


def test_a_ledger_that_may_forget_or_went_backwards_is_found(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    add_people(connection, ["a@mail.example"])
    with relay(tmp_path, certificates) as sink:
        strict = settings.model_copy(update={"single_node": False})
        found = look(connection, strict, campaign(sink.port))
        assert set(found) == {"NoSynchronousStandby"}
        assert "HEROLD_SINGLE_NODE" in found["NoSynchronousStandby"]["hint"]
        connection.execute("UPDATE installation SET regressed_at = now(), regressed_why = 'a test'")
        found = look(connection, settings, campaign(sink.port))
        assert set(found) == {"LedgerRegressed"}
        assert "herold ledger accept" in found["LedgerRegressed"]["hint"]


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path, connection: Connection, settings: Settings) -> None:
    assert settings.secrets_dir is not None
    (settings.secrets_dir / "dkim-shop" / "tls.key").unlink()
    strict = settings.model_copy(update={"single_node": False})
    found = look(connection, strict, campaign(refused_port()))
    assert set(found) == {"NoSynchronousStandby", "NobodyToReach", "DkimKeyUnusable", "RelayAway"}


def test_a_pod_says_in_its_log_what_was_found_and_ends_well(
    tmp_path: Path, connection: Connection, settings: Settings
) -> None:
    add_people(connection, ["a@mail.example"])
    task, turn = request_task(connection, "Preflight", campaign(refused_port()), digest="d", actor="operator")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEROLD_")}
    environ |= {"HEROLD_DATABASE_URL": str(settings.database_url), "HEROLD_SECRETS_DIR": str(settings.secrets_dir)}
    environ |= {"HEROLD_STATE_DIR": str(tmp_path / "state"), "HEROLD_SINGLE_NODE": "true"}
    command = [sys.executable, "-m", "herold.cli", "task", "run", str(task), "--turn", str(turn)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == f"task {task}: found 1 that would go wrong, 1 people"
    assert second.startswith("  RelayAway: localhost:")
    assert "To do: see that the relay runs" in second
    again = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert again.stdout == f"task {task}: nothing is left to do\n"


def test_a_message_that_most_got_days_ago_is_found_where_it_would_start_held(
    tmp_path: Path, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    add_people(connection, ["a@mail.example"])
    start_run(connection, small_campaign(name="before"), key=KEY, actor="anna", at_once=True)
    with relay(tmp_path, certificates) as sink:
        assert set(look(connection, settings, campaign(sink.port))) == {"LooksLikeRepeat"}
        assert look(connection, settings, campaign(sink.port, campaign={"repeatPolicy": "Allow"}), "e") == {}


def test_of_a_campaign_whose_audience_is_frozen_only_the_way_out_is_looked_at(
    connection: Connection, settings: Settings
) -> None:
    add_people(connection, ["a@mail.example", "b@mail.example"])
    port = refused_port()
    most = {"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 1}}
    assert set(look(connection, settings, campaign(port, campaign=most))) == {"RelayAway", "TooManyRecipients"}
    start_run(connection, campaign(port), key=KEY, actor="anna")
    assert set(look(connection, settings, campaign(port, campaign=most))) == {"RelayAway"}


def test_a_pre_flight_that_is_killed_or_overtaken_leaves_nothing_and_is_done_again(
    tmp_path: Path, database: str, connection: Connection, settings: Settings, certificates: Certificates
) -> None:
    add_people(connection, ["a@mail.example"])
    broken = campaign(refused_port())

    def killed() -> None:
        with suppress(psycopg.Error):
            run_task(settings, task)

    with relay(tmp_path, certificates) as sink, connect(database, autocommit=False) as other:
        task, turn = request_task(connection, "Preflight", broken, digest="one", actor="operator")
        # It comes as far as the people, and waits there.
        other.execute("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=killed)
        thread.start()
        waiting = "SELECT pid FROM pg_locks WHERE relation = 'herold.contact'::regclass AND NOT granted"
        while (found := connection.execute(waiting).fetchone()) is None:
            assert thread.is_alive()
        connection.execute("SELECT pg_terminate_backend(%s)", found)
        thread.join(30)
        other.rollback()
        assert one(connection, "SELECT finished_at, outcome FROM task") == (None, None)
        fine = campaign(sink.port)
        assert request_task(connection, "Preflight", fine, digest="two", actor="operator") == (task, turn + 1)
        assert run_task(settings, task, turn) is None  # a Job of the turn before has other secrets
        assert run_task(settings, task, turn + 1) == {"findings": [], "people": 1, "unknown": []}
        request_task(connection, "Preflight", broken, digest="three", actor="operator")
        assert withdraw_tasks(connection, TEAM, "hello", ("Preflight",)) == 1
        assert run_task(settings, task) is None
