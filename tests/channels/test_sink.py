"""The sink, checked by unrelated clients: it is the oracle of everything else."""

from __future__ import annotations

import asyncio
import base64
import smtplib
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from herold.channels.route import CHAINED, GROUPED, STEPWISE
from herold.demo.mailbox import read_mailbox
from herold.demo.sink_faults import Faults, parse_fault
from parts.certificates import make_certificates
from parts.scripted_relay import TEXT, envelopes, plain_route, send_window
from parts.smtp_sink import SmtpSink, smtp_sink


def message(subject: str = "hello") -> EmailMessage:
    made = EmailMessage(policy=policy.SMTP)
    made["From"], made["To"], made["Subject"] = "a@shop.example", "b@example.com", subject
    made["Feedback-ID"] = "spring:run7:extra:shop"
    made.set_content("first\n.a dot\n..two dots\n.\nlast, with żółw\n", cte="8bit")
    return made


def test_the_standard_librarys_client_is_served_and_its_message_kept_exactly(tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "log", "--mailbox", str(tmp_path / "mailbox"), "--mailbox-limit", "2") as sink:
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
            for number in range(3):
                client.send_message(message(f"hello {number}"), "b1@bounce.example", ["x@example.com", "y@example.com"])
        assert sink.accepted() == [("spring:run7", name) for name in ("x@example.com", "y@example.com")] * 3
        assert {line[3] for line in sink.lines()} == {"b1@bounce.example"}
        kept = list(read_mailbox(tmp_path / "mailbox"))
    assert [recipient for recipient, _ in kept] == ["x@example.com", "y@example.com"]
    parsed = message_from_bytes(kept[0][1], policy=policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    assert parsed["subject"] == "hello 0"
    assert parsed.get_content().replace("\r\n", "\n") == message().get_content().replace("\r\n", "\n")


def test_aiosmtplib_is_served_inside_starttls_with_auth(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    (tmp_path / "login").write_text("shop:s3cret")
    context = ssl.create_default_context(cafile=str(made.authority))
    options = ["--tls-cert", str(made.certificate), "--tls-key", str(made.key), "--auth", str(tmp_path / "login")]

    async def scene(port: int, password: str) -> None:
        await aiosmtplib.send(
            message(),
            hostname="localhost",
            port=port,
            start_tls=True,
            tls_context=context,
            username="shop",
            password=password,
            timeout=10,
        )

    with smtp_sink(tmp_path / "log", *options) as sink:
        asyncio.run(scene(sink.port, "s3cret"))
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            asyncio.run(scene(sink.port, "wrong"))
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
            client.ehlo()
            assert "auth" not in client.esmtp_features
            assert client.docmd("AUTH PLAIN", base64.b64encode(b"\0shop\0s3cret").decode())[0] == 538
            assert client.mail("a@shop.example")[0] == 530
        assert sink.accepted() == [("spring:run7", "b@example.com")]


@pytest.mark.parametrize("ceiling", [STEPWISE, GROUPED, CHAINED])
def test_our_messages_arrive_as_they_left_however_they_are_grouped(ceiling: int, tmp_path: Path) -> None:
    body = TEXT + b"..stuffed\r\n...\r\n..\r\nlast line .\r\n"
    with smtp_sink(tmp_path / "log", "--mailbox", str(tmp_path / "mailbox")) as sink:
        window = asyncio.run(send_window(plain_route(sink.port, ceiling=ceiling), envelopes(30, content=body)))
        assert window.kinds() == ["Sent"] * 30
        assert sink.accepted() == [("spring:run1", f"user{number}@example.com") for number in range(30)]
        kept = list(read_mailbox(tmp_path / "mailbox"))
    assert [recipient for recipient, _ in kept] == [f"user{number}@example.com" for number in range(30)]
    assert {text for _, text in kept} == {TEXT + b".stuffed\r\n..\r\n.\r\nlast line .\r\n"}


def test_a_message_in_single_bytes_is_the_same_message(tmp_path: Path) -> None:
    async def scene(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stream = b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n" + TEXT + b"\r\n..\r\n.\r\nQUIT\r\n"
        for byte in stream:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        answer = await reader.read()
        writer.close()
        return answer

    with smtp_sink(tmp_path / "log", "--mailbox", str(tmp_path / "mailbox")) as sink:
        answer = asyncio.run(scene(sink.port))
        assert [line[:3] for line in answer.split(b"\r\n")[-6:]] == [b"250", b"250", b"354", b"250", b"221", b""]
        assert list(read_mailbox(tmp_path / "mailbox")) == [("c@d.test", TEXT + b"\r\n.\r\n")]


def test_commands_out_of_order_are_refused(tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "log") as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
        client.ehlo()
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("RCPT", "TO:<a@example.com>")[0] == 503
        assert client.docmd("MAIL", "FROM:a@example.com")[0] == 501
        assert client.docmd("STARTTLS")[0] == 502
        assert client.docmd("MAIL", "FROM:<a@example.com>")[0] == 250
        assert client.docmd("RSET")[0] == 250
        assert client.docmd("RCPT", "TO:<a@example.com>")[0] == 503
        assert sink.accepted() == []


def deliver(sink: SmtpSink, name: str) -> str:
    """One message by the standard library's client: its reply, or how it ended."""
    try:
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=0.5) as client:
            client.sendmail("a@shop.example", [f"{name}@example.com"], TEXT)
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return f"{code} {text.decode()}"
    except smtplib.SMTPResponseException as error:
        return f"{error.smtp_code}"
    except smtplib.SMTPServerDisconnected as error:
        return "silent" if "timed out" in str(error) else "closed"
    return "250"


@pytest.mark.parametrize(
    ("kind", "first", "second", "accepted"),
    [
        ("421", "421", "250", 1),
        ("451", "451", "250", 1),
        ("452", "452", "250", 1),
        ("454", "454", "250", 1),
        ("5.7.1", "550 5.7.1", "250", 1),
        ("5.1.1", "550 5.1.1", "550 5.1.1", 0),
        ("552", "552", "552", 0),
        ("text-451", "451", "250", 1),
        ("text-421", "421", "250", 1),
        ("drop-rcpt", "closed", "250", 1),
        ("drop-text", "closed", "250", 1),
        ("drop-accepted", "closed", "250", 2),
        ("stall-accepted", "silent", "250", 2),
        ("stall", "silent", "250", 1),
        ("garbage", "-1", "250", 1),
        ("garbage-accepted", "-1", "250", 2),
    ],
)
def test_each_fault_is_what_it_says(kind: str, first: str, second: str, accepted: int, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "log", "--fault", f"{kind}=unlucky") as sink:
        tries = [deliver(sink, "unlucky"), deliver(sink, "unlucky")]
        assert tries[0].startswith(first), tries
        assert tries[1].startswith(second), tries
        assert deliver(sink, "lucky") == "250"
        assert len(sink.accepted()) == accepted + 1
        counts = sink.control.counts()
        assert counts["accepted"] == accepted + 1
        assert counts["faults"] == {kind: 2 if first == second else 1}


def test_the_same_seed_chooses_the_same_recipients_and_about_the_share() -> None:
    def chosen(seed: int) -> list[str | None]:
        faults = Faults([parse_fault("451:0.1"), parse_fault("5.1.1:0.3")], seed)
        return [faults.choose(b"user%d@example.com" % number) for number in range(2000)]

    assert chosen(1) == chosen(1)
    assert chosen(1) != chosen(2)
    assert 150 < chosen(1).count("451") < 250
    assert 500 < chosen(1).count("5.1.1") < 700


@pytest.mark.parametrize("text", ["451", "451:2", "nothing:0.1", "451:often", ""])
def test_a_fault_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_fault(text)


@pytest.mark.parametrize(
    ("event", "logged", "after_release", "after_drop"),
    [
        ("opened", 0, "250", "closed"),
        ("mail", 0, "250", "closed"),
        ("rcpt", 0, "250", "closed"),
        ("half", 0, "250", "closed"),
        ("dot", 0, "250", "closed"),
        ("reply", 1, "250", "closed"),
    ],
)
@pytest.mark.parametrize("drop", [False, True])
def test_a_watched_connection_stands_still_at_exactly_that_point(
    event: str, logged: int, after_release: str, after_drop: str, drop: bool, tmp_path: Path
) -> None:
    async def scene(sink: SmtpSink) -> str:
        loop = asyncio.get_running_loop()
        number = sink.control.watch(event, 2)
        assert await loop.run_in_executor(None, deliver_slowly, sink, "first") == "250"
        second = loop.run_in_executor(None, deliver_slowly, sink, "second")
        hit = await loop.run_in_executor(None, sink.control.wait_hit)
        assert (hit.number, hit.event) == (number, event)
        assert hit.recipient == ("second@example.com" if event in ("half", "dot", "reply") else "-")
        assert len(sink.accepted()) == 1 + logged
        assert sink.control.counts()["held"] == 1
        assert await loop.run_in_executor(None, deliver_slowly, sink, "third") == "250"
        (sink.control.drop if drop else sink.control.release)(number)
        return await second

    def deliver_slowly(sink: SmtpSink, name: str) -> str:
        try:
            with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
                client.sendmail("a@shop.example", [f"{name}@example.com"], TEXT)
        except smtplib.SMTPServerDisconnected:
            return "closed"
        return "250"

    with smtp_sink(tmp_path / "log") as sink:
        assert asyncio.run(scene(sink)) == (after_drop if drop else after_release)
        names = [recipient.partition("@")[0] for _, recipient in sink.accepted()]
        assert sorted(names) == sorted(["first", "third"] + (["second"] if logged or not drop else []))
        assert sink.control.counts()["held"] == 0


def test_a_watcher_that_leaves_lets_go_what_it_stopped(tmp_path: Path) -> None:
    async def scene(sink: SmtpSink) -> None:
        sink.control.watch("reply")
        sending = asyncio.create_task(send_window(plain_route(sink.port), envelopes(3)))
        await asyncio.get_running_loop().run_in_executor(None, sink.control.wait_hit)
        sink.control.close()
        assert (await sending).kinds() == ["Sent"] * 3

    with smtp_sink(tmp_path / "log") as sink:
        asyncio.run(scene(sink))


def test_the_sink_can_be_slowed_while_it_runs(tmp_path: Path) -> None:
    async def seconds(port: int, count: int) -> float:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        assert (await send_window(plain_route(port), envelopes(count))).kinds() == ["Sent"] * count
        return loop.time() - begin

    with smtp_sink(tmp_path / "log") as sink:
        sink.control.change("accept-rate", "50")
        assert asyncio.run(seconds(sink.port, 20)) > 0.3
        sink.control.change("accept-rate", "0")
        sink.control.change("delay-ms", "20")
        assert asyncio.run(seconds(sink.port, 4)) > 4 * 4 * 0.018
        sink.control.change("delay-ms", "0")
        sink.control.change("fault", "5.1.1:1")
        assert asyncio.run(send_window(plain_route(sink.port), envelopes(2))).kinds() == ["Rejected"] * 2
        sink.control.change("no-faults")
        assert asyncio.run(send_window(plain_route(sink.port), envelopes(2))).kinds() == ["Sent"] * 2
        with pytest.raises(ValueError, match="delay-ms"):
            sink.control.change("colour", "red")


def test_without_pipelining_announced_we_go_step_by_step(tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "log", "--no-pipelining") as sink:
        assert asyncio.run(send_window(plain_route(sink.port), envelopes(5))).kinds() == ["Sent"] * 5
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
            client.ehlo()
            assert "pipelining" not in client.esmtp_features
