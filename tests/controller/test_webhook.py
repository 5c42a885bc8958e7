"""Posts are signed as Standard Webhooks says; what is wrong with a receiver's file is named without its values."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herold.journal import Journal
from herold_operator.receivers import Receiver, Receivers, build_receiver, mistakes_of
from herold_operator.webhook import Answer, Delivered, Failed, Poster, Refused, answer_of, build_body, sign
from parts.certificates import make_certificates
from parts.kubernetes import ROOT, free_port
from parts.webhook_receiver import FakeReceiver, NotVerified, verify, webhook_receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HTTPS = "https://hooks.example/herold"


def key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def post(receiver: Receiver, seconds: float = 5.0) -> Answer:
    async def run() -> Answer:
        poster = Poster(seconds)
        try:
            return await poster.post(receiver, "msg_1", '{"type":"campaign.held","text":"é"}')
        finally:
            await poster.close()

    return asyncio.run(run())


def test_the_signature_is_the_one_of_the_specifications_libraries() -> None:
    # Their common test vector: libraries/*/ of github.com/standard-webhooks/standard-webhooks.
    body = b'{"test": 2432232314}'
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign((key(SECRET),), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == signature


@given(st.binary(min_size=24, max_size=64), st.text(), st.integers(0, 2**33))
def test_what_is_signed_is_verified_and_nothing_else_is(secret: bytes, text: str, at: int) -> None:
    body = json.dumps(text).encode()
    encoded = "whsec_" + base64.b64encode(secret).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": sign((b"x" * 24, secret), "msg_1", at, body),
    }
    assert verify(encoded, headers, body, at) == "msg_1"
    for changed in ({"webhook-id": "msg_2"}, {"webhook-timestamp": str(at + 1)}, {"webhook-signature": "v1,AAAA"}):
        with pytest.raises(NotVerified):
            verify(encoded, {**headers, **changed}, body, at)
    with pytest.raises(NotVerified):
        verify(encoded, headers, body + b" ", at)
    with pytest.raises(NotVerified):
        verify(encoded, headers, body, at + 301)


def test_a_post_arrives_with_its_bytes_and_headers() -> None:
    with webhook_receiver() as fake:
        assert post(build_receiver(fake.file)) == Delivered()
    (got,) = fake.posts
    assert (got.number, got.raw.decode()) == ("msg_1", '{"type":"campaign.held","text":"é"}')
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == "herold-operator"


def test_who_does_not_answer_in_time_who_is_not_there_and_who_has_no_name_failed() -> None:
    with webhook_receiver() as fake:
        fake.answer = lambda got: 0
        assert post(build_receiver(fake.file), 0.5) == Failed(error="TimeoutError")
    gone = post(build_receiver({"url": f"http://127.0.0.1:{free_port()}/", "secret": SECRET}))
    assert isinstance(gone, Failed)
    assert gone.error == "ClientConnectorError"
    nameless = post(build_receiver({"url": "http://nobody.invalid.svc/", "secret": SECRET}))
    assert isinstance(nameless, Failed)
    assert nameless.error == "ClientConnectorDNSError"


def test_a_certificate_of_an_authority_that_nobody_knows_gets_nothing(tmp_path: Path) -> None:
    served = make_certificates(tmp_path)
    with webhook_receiver(served) as fake:
        assert post(build_receiver(fake.file)) == Failed(error="ClientConnectorCertificateError")
        assert fake.posts == []
        # As an operator does whose process is told of an authority by SSL_CERT_FILE.
        script = "import sys; from controller.test_webhook import *; print(post(build_receiver(eval(sys.argv[1]))))"
        environ = {**os.environ, "SSL_CERT_FILE": str(served.authority), "PYTHONPATH": str(ROOT / "tests")}
        command = [sys.executable, "-c", script, repr(fake.file)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "Delivered()\n"
    assert len(fake.posts) == 1


@pytest.mark.parametrize(
    ("status", "wish", "answer"),
    [
        (200, "", Delivered()),
        (204, "", Delivered()),
        (410, "", Refused()),
        (301, "", Failed(301)),
        (404, "", Failed(404)),
        (503, "30", Failed(503, wish=30.0)),
        (429, "999999", Failed(429, wish=3600.0)),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", Failed(503)),
    ],
)
def test_answers_are_read_as_the_specification_suggests(status: int, wish: str, answer: Answer) -> None:
    assert answer_of(status, wish) == answer


def test_a_chats_text_begins_no_mention_and_no_link() -> None:
    receiver = Receiver(HTTPS, (b"",), "Chat")
    body = json.dumps({"type": "x", "text": "<!channel> & <https://bad.example|click>", "data": {"a": 1}})
    assert json.loads(build_body(receiver, body)) == {
        "text": "&lt;!channel&gt; &amp; &lt;https://bad.example|click&gt;"
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/x?y=z",
        "https://hooks.example:8443/x",
        "http://127.0.0.1:8080/",
        "http://[::1]/",
        "http://localhost:1/",
        "http://bot.chat.svc/herold",
        "http://bot.chat.svc.cluster.local:8080/herold",
    ],
)
def test_addresses_that_may_be(url: str) -> None:
    assert list(mistakes_of({"url": url, "secret": SECRET})) == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://hooks.example/", "not https"),
        ("http://127.0.0.1.example/", "not https"),
        ("http://169.254.169.254/latest", "not https"),
        ("http://evil.example/.svc", "not https"),
        ("ftp://hooks.example/", "not one of https"),
        ("file:///etc/passwd", "not one of https"),
        ("hooks.example", "not one of https"),
        ("https://", "not one of https"),
        ("https://user:word@hooks.example/", "a user's name"),
        ("https://hooks.example:port/", "url is not one"),
        ("", "url is missing"),
        (7, "url is missing"),
    ],
)
def test_addresses_that_may_not_be(url: object, says: str) -> None:
    (said,) = mistakes_of({"url": url, "secret": SECRET})
    assert says in said


@pytest.mark.parametrize(
    "secret",
    ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", None, [], [SECRET, 7], [SECRET] * 3,
     "whsec_" + base64.b64encode(bytes(65)).decode()],
)  # fmt: skip
def test_keys_that_may_not_be(secret: Any) -> None:
    (said,) = mistakes_of({"url": HTTPS, "secret": secret})
    assert said.startswith("secret is not")


def test_every_mistake_is_named_at_once() -> None:
    assert len(list(mistakes_of({"url": "ftp://x/", "secret": "x", "format": "Xml", "extra": 1}))) == 4
    assert len(list(mistakes_of([]))) == 1


def test_the_file_of_a_namespace_comes_before_the_default(tmp_path: Path) -> None:
    journal = Journal("operator", "error")
    receivers = Receivers(tmp_path, journal)
    assert not receivers.refresh()
    assert (receivers.is_wanted("campaigns-shop"), receivers.namespaces) == (False, [])
    (tmp_path / "campaigns-shop.json").write_text(json.dumps({"url": HTTPS, "secret": SECRET}))
    assert receivers.refresh()
    assert not receivers.refresh()
    assert (receivers.is_wanted("campaigns-shop"), receivers.is_wanted("campaigns-club")) == (True, False)
    assert receivers.namespaces == ["campaigns-shop"]
    (tmp_path / "default.json").write_text(json.dumps({"url": f"{HTTPS}/all", "secret": SECRET}))
    assert receivers.refresh()
    shop, other = receivers.of("campaigns-shop"), receivers.of("campaigns-club")
    assert shop is not None
    assert other is not None
    assert (shop.url, other.url) == (HTTPS, f"{HTTPS}/all")
    assert _all_are_wanted(receivers)
    (tmp_path / "campaigns-shop.json").unlink()
    assert receivers.refresh()
    assert receivers.of("campaigns-shop") == other


def _all_are_wanted(receivers: Receivers) -> bool:
    return receivers.namespaces is None


def test_a_link_that_a_kubelet_exchanges_is_a_change(tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "default.json").write_text(json.dumps({"url": f"{HTTPS}/{version}", "secret": SECRET}))
    (mounted / "..data").symlink_to(tmp_path / "1")
    (mounted / "default.json").symlink_to(Path("..data") / "default.json")
    receivers = Receivers(mounted, Journal("operator", "error"))
    assert receivers.refresh()
    (mounted / "..new").symlink_to(tmp_path / "2")
    (mounted / "..new").replace(mounted / "..data")
    assert receivers.refresh()
    found = receivers.of("campaigns-shop")
    assert found is not None
    assert found.url == f"{HTTPS}/2"


def test_neither_address_nor_key_shows_in_what_is_printed() -> None:
    printed = repr(build_receiver({"url": HTTPS, "secret": SECRET}))
    assert "hooks" not in printed
    assert repr(key(SECRET)) not in printed


def test_the_fake_refuses_what_is_not_signed_with_its_key() -> None:
    fake: FakeReceiver
    with webhook_receiver() as fake:
        assert post(build_receiver({**fake.file, "secret": SECRET})) == Failed(401)
    assert (fake.posts, fake.refused) == ([], ["no signature is right"])
