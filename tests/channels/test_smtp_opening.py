"""Connecting, TLS and AUTH: what is verified, what is refused, and what is never said in the clear."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import uvloop

from herold.channels.route import Manners, smtp_route, verified_context
from herold.channels.smtp import RouteFailed, SmtpConnection, SmtpRoute
from herold.errors import InvalidInput
from herold.resources import SenderProfile
from parts.campaigns import small_campaign
from parts.certificates import Certificates, make_certificates
from parts.scripted_relay import Script, Talk, envelopes, plain_route, scripted_relay, send_window
from parts.smtp_sink import smtp_sink

LOOPS = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
TLS = pytest.mark.parametrize("tls", ["StartTls", "Implicit"])
Tls = Literal["StartTls", "Implicit", "None"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def tls_route(port: int, authority: Path | None, tls: Tls = "StartTls", *, host: str = "localhost") -> SmtpRoute:
    context = verified_context(authority.read_text() if authority else None)
    return SmtpRoute(host, port, tls, context, None, None, True, "client.test", Manners())


def with_login(route: SmtpRoute, password: str = "s3cret") -> SmtpRoute:
    return replace(route, username="shop", password=password)


def sink_options(certificates: Certificates, tls: Tls, tmp_path: Path, *more: str) -> list[str]:
    (tmp_path / "login").write_text("shop:s3cret\n")
    options = ["--tls-cert", str(certificates.certificate), "--tls-key", str(certificates.key), *more]
    return [*options, "--implicit-tls"] if tls == "Implicit" else options


def server_context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


async def failure(route: SmtpRoute, timeout: float = 10) -> RouteFailed:
    with pytest.raises(RouteFailed) as caught:
        await SmtpConnection.open(route, timeout=timeout)
    return caught.value


@LOOPS
@TLS
def test_mail_goes_inside_verified_tls_after_auth(
    tls: Tls, loop_factory: object, certificates: Certificates, tmp_path: Path
) -> None:
    options = sink_options(certificates, tls, tmp_path, "--auth", str(tmp_path / "login"))
    with smtp_sink(tmp_path / "log", *options) as sink, asyncio.Runner(loop_factory=loop_factory) as runner:  # type: ignore[arg-type]
        route = with_login(tls_route(sink.port, certificates.authority, tls))
        window = runner.run(send_window(route, envelopes(50, content=b"x" * 70_000 + b"\r\n")))
        assert window.kinds() == ["Sent"] * 50
        assert len(sink.accepted()) == 50


@TLS
@pytest.mark.parametrize("what", ["unknown authority", "other name", "expired"])
def test_a_certificate_that_is_not_valid_is_never_talked_to(
    tls: Tls, what: str, certificates: Certificates, tmp_path: Path
) -> None:
    served = certificates
    if what == "other name":
        served = make_certificates(tmp_path / "other", "mail.example.com")
    elif what == "expired":
        served = make_certificates(tmp_path / "expired", days=-1)
    authority = make_certificates(tmp_path / "own").authority if what == "unknown authority" else served.authority
    with smtp_sink(tmp_path / "log", *sink_options(served, tls, tmp_path)) as sink:
        error = asyncio.run(failure(with_login(tls_route(sink.port, authority, tls))))
        assert "certificate" in error.fault.detail
        assert error.fault.permanent
        assert sink.accepted() == []


def test_a_relay_without_starttls_gets_nothing_in_the_clear(certificates: Certificates, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "log") as sink:
        error = asyncio.run(failure(with_login(tls_route(sink.port, certificates.authority))))
        assert "STARTTLS" in error.fault.detail
        assert error.fault.permanent


def test_credentials_are_refused_without_tls_before_a_connection() -> None:
    error = asyncio.run(failure(with_login(plain_route(1))))
    assert "inside TLS only" in error.fault.detail


def test_a_wrong_password_is_the_routes_fault_until_a_person_acts(certificates: Certificates, tmp_path: Path) -> None:
    options = sink_options(certificates, "StartTls", tmp_path, "--auth", str(tmp_path / "login"))
    with smtp_sink(tmp_path / "log", *options) as sink:
        error = asyncio.run(failure(with_login(tls_route(sink.port, certificates.authority), "wrong")))
        assert (error.fault.code, error.fault.enhanced, error.fault.permanent) == (535, "5.7.8", True)
        assert "wrong" not in str(error)


@pytest.mark.parametrize("injected", [b"250-evil.test\r\n250 AUTH PLAIN\r\n", b"2"])
def test_what_is_injected_between_starttls_and_tls_ends_it(injected: bytes, certificates: Certificates) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("STARTTLS")
        assert await talk.line() == "STARTTLS"
        talk.raw(b"220 begin\r\n" + injected)
        await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script) as port:
            error = await failure(with_login(tls_route(port, certificates.authority)))
            assert "between STARTTLS and TLS" in error.fault.detail

    asyncio.run(scene())


def test_what_was_announced_before_tls_counts_for_nothing(certificates: Certificates) -> None:
    async def script(talk: Talk) -> None:
        await talk.hello("STARTTLS", "AUTH PLAIN", "PIPELINING")
        await talk.line()
        talk.say("220 begin")
        await talk.writer.drain()
        await talk.writer.start_tls(server_context(certificates))
        assert (await talk.line()).startswith("EHLO")
        talk.say("250 relay.test")
        await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script) as port:
            error = await failure(with_login(tls_route(port, certificates.authority)))
            assert "AUTH" in error.fault.detail

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("announced", "expected"),
    [
        ("AUTH LOGIN PLAIN", [b"AUTH PLAIN " + base64.b64encode(b"\0shop\0s3cret")]),
        ("AUTH LOGIN", [b"AUTH LOGIN", base64.b64encode(b"shop"), base64.b64encode(b"s3cret")]),
    ],
)
def test_auth_says_plain_or_else_login(announced: str, expected: list[bytes], certificates: Certificates) -> None:
    said: list[bytes] = []

    async def script(talk: Talk) -> None:
        await talk.hello(announced)
        while len(said) < len(expected):
            said.append((await talk.line()).encode())
            talk.say("235 welcome" if len(said) == len(expected) else "334 VXNlcm5hbWU6")
        await talk.gone()

    async def scene() -> None:
        async with scripted_relay(script, tls=server_context(certificates)) as port:
            connection = await SmtpConnection.open(
                with_login(tls_route(port, certificates.authority, "Implicit")), timeout=10
            )
            assert connection.is_open
            await connection.close()

    asyncio.run(scene())
    assert said == expected


async def _silent(talk: Talk) -> None:
    await talk.gone()


async def _closes(talk: Talk) -> None:
    pass


async def _noise(talk: Talk) -> None:
    talk.raw(b"\x16\x03\x01 not smtp\r\n")
    await talk.gone()


async def _busy(talk: Talk) -> None:
    talk.say("421 4.3.2 too many connections")
    await talk.gone()


async def _refuses(talk: Talk) -> None:
    talk.say("554 5.3.2 no service for you@client.test")
    await talk.gone()


async def _no_ehlo(talk: Talk) -> None:
    talk.say("220 hello")
    await talk.line()
    talk.say("502 what")
    await talk.gone()


async def _early(talk: Talk) -> None:
    talk.say("220 hello", "250 relay.test")
    await talk.gone()


@LOOPS
@pytest.mark.parametrize(
    ("script", "code", "permanent"),
    [
        (_silent, 0, False),
        (_closes, 0, False),
        (_noise, 0, False),
        (_busy, 421, False),
        (_refuses, 554, True),
        (_no_ehlo, 502, False),
        (_early, 0, False),
    ],
)
def test_a_relay_that_does_not_let_us_in_is_the_routes_fault(
    script: Script, code: int, permanent: bool, loop_factory: object
) -> None:
    async def scene() -> None:
        async with scripted_relay(script) as port:
            error = await failure(plain_route(port), timeout=0.3)
            assert (error.fault.code, error.fault.permanent) == (code, permanent)
            assert "@" not in error.fault.detail

    with asyncio.Runner(loop_factory=loop_factory) as runner:  # type: ignore[arg-type]
        runner.run(scene())


@LOOPS
def test_nobody_listening_is_the_routes_fault(loop_factory: object) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with asyncio.Runner(loop_factory=loop_factory) as runner:  # type: ignore[arg-type]
            error = runner.run(failure(plain_route(unused.getsockname()[1])))
    assert error.fault.code == 0
    assert not error.fault.permanent


def sender(route: dict[str, object]) -> SenderProfile:
    return small_campaign(sender={"route": route}).sender


def test_a_route_reads_its_secrets_and_shows_none_of_them(certificates: Certificates, tmp_path: Path) -> None:
    for name, key, value in (("login", "username", "shop\n"), ("login", "password", "s3cret\n")):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / key).write_text(value)
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "ca.crt").write_bytes(certificates.authority.read_bytes())
    profile = sender(
        {
            "host": "relay.example.com",
            "caRef": {"name": "authority"},
            "credentialsRef": {"name": "login"},
            "grouping": "Off",
        }
    )
    route = smtp_route(profile, tmp_path)
    assert (route.host, route.port, route.tls, route.grouping) == ("relay.example.com", 587, "StartTls", False)
    assert (route.username, route.password) == ("shop", "s3cret")
    assert route.ssl_context is not None
    assert route.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert route.ssl_context.check_hostname
    assert len(route.ssl_context.get_ca_certs()) == 1
    assert "s3cret" not in repr(route)
    assert "shop" not in repr(route)


def test_every_secret_that_is_missing_or_unusable_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "login").mkdir()
    (tmp_path / "login" / "password").write_text("")
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "ca.crt").write_text("not a certificate")
    profile = sender({"host": "relay.example.com", "caRef": {"name": "authority"}, "credentialsRef": {"name": "login"}})
    with pytest.raises(InvalidInput) as caught:
        smtp_route(profile, tmp_path)
    assert [mistake.file for mistake in caught.value.mistakes] == [
        "authority/ca.crt",
        "login/password",
        "login/username",
    ]
    with pytest.raises(InvalidInput, match="HEROLD_SECRETS_DIR"):
        smtp_route(profile, None)
