"""`herold run`, with real workers, a real ledger and a real relay."""

from __future__ import annotations

import signal
from collections import Counter
from email import message_from_bytes
from pathlib import Path

import pytest

from cli.world import CANARY, DEADLINE, World, addresses, hello
from herold.demo.mailbox import read_mailbox
from parts.people import add_people
from parts.smtp_sink import SmtpSink, smtp_sink

NAME = "campaigns-shop/hello"
NOW = ("--now", "--yes", "--workers", "1")


def declared(world: World, sink: SmtpSink, people: int, **overrides: object) -> list[str]:
    """The campaign in files, the people in the ledger."""
    world.declare(hello(sink.port, **overrides))
    everybody = addresses(people)
    with world.ledger() as connection:
        add_people(connection, everybody)
    return everybody


def test_a_campaign_reaches_everybody_once_and_is_accounted_for(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        everybody = declared(world, sink, 300)
        said = world.must("run", "hello", "--files", str(world.files), *NOW)
        assert Counter(recipient for _, recipient in sink.accepted()) == Counter(everybody)
    assert "planned 300 = sent 300 + failed 0 + suppressed 0 + skipped 0 + uncertain 0" in said.out
    assert "lost 0, uncertain 0" in said.out
    told = world.must("status", NAME, "-o", "json").json
    assert (told["summary"], told["planned"], told["sent"], told["waiting"]) == ("Completed", 300, 300, 0)
    assert CANARY not in said.out + said.err + (world.state / "worker.log").read_text()


@pytest.mark.parametrize(
    ("message_id", "fields"), [("Kept", {"date", "message-id", "feedback-id"}), ("Replaced", set())]
)
def test_workers_sign_the_id_and_the_date_unless_the_relay_writes_its_own(
    world: World, tmp_path: Path, message_id: str, fields: set[str]
) -> None:
    signs = {"domain": "shop.example", **world.give_dkim_key()}
    with smtp_sink(tmp_path / "accepted.log", "--mailbox", str(tmp_path / "mailbox")) as sink:
        relay = {"host": "127.0.0.1", "port": sink.port, "tls": "None", "messageId": message_id}
        declared(world, sink, 1, sender={"route": relay, "dkim": [signs]})
        world.must("run", "hello", "--files", str(world.files), *NOW)
        ((_, content),) = read_mailbox(tmp_path / "mailbox")
    signature = "".join(message_from_bytes(content)["DKIM-Signature"].split())
    signed = set(signature.partition(";h=")[2].partition(";")[0].split(":"))
    assert signed >= {"from", "to", "subject", "list-unsubscribe"}
    assert signed & {"date", "message-id", "feedback-id"} == fields


def test_the_same_campaign_again_is_refused_and_reaches_nobody(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        declared(world, sink, 5)
        world.must("run", "hello", "--files", str(world.files), *NOW)
        before = world.trace()
        said = world.herold("run", "hello", "--files", str(world.files), *NOW)
        assert len(sink.accepted()) == 5
    assert said.code == 4
    assert "AlreadyRan" in said.err
    assert "occurrence: 2" in said.err
    assert world.trace() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_goes_on_with_the_same_command(world: World, tmp_path: Path, number: int) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        everybody = declared(world, sink, 400, per_second="60")
        watch = sink.control.watch("dot", 20)
        running = world.start("run", "hello", "--files", str(world.files), *NOW, "-o", "json")
        hit = sink.control.wait_hit(DEADLINE)
        assert hit.number == watch
        running.send_signal(number)
        sink.control.release(watch)
        out, err = running.communicate(timeout=DEADLINE)
        assert running.returncode == 130, err
        assert '"uncertain": 0' in out
        assert "go on: the same command" in err
        world.declare(hello(sink.port))  # at full speed; the rate belongs to the platform and is not frozen
        again = world.must("run", "hello", "--files", str(world.files), "--yes", "--workers", "1")
        assert "goes on" in again.err
        assert "FrozenFieldChanged" not in again.err
        assert Counter(recipient for _, recipient in sink.accepted()) == Counter(everybody)
    assert "lost 0, uncertain 0" in again.out


def test_without_a_terminal_nothing_starts_unconfirmed(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        declared(world, sink, 5)
        before = world.trace()
        said = world.herold("run", "hello", "--files", str(world.files), "--now", given="y\n")
        assert sink.accepted() == []
    assert said.code == 4
    assert "--yes" in said.err
    assert world.trace() == before


def test_a_start_that_was_missed_says_how_to_send_it_now(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        declared(world, sink, 5, schedule={"at": "2020-01-01T09:00:00"})
        before = world.trace()
        said = world.herold("run", "hello", "--files", str(world.files), "--yes", "--workers", "1")
        assert sink.accepted() == []
    assert said.code == 4
    assert "StartMissed" in said.err
    assert "--now" in said.err
    assert world.trace() == before


def test_a_held_campaign_waits_for_a_person(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        declared(world, sink, 5)
        world.must("hold", "campaign", NAME, "--reason", "wrong price")
        said = world.herold("run", "hello", "--files", str(world.files), *NOW)
        assert said.code == 4
        assert "wrong price" in said.err
        assert sink.accepted() == []
        world.must("hold", "release", "1")
        world.must("run", "hello", "--files", str(world.files), "--yes", "--workers", "1")
        assert len(sink.accepted()) == 5


def test_a_run_that_a_person_suspended_is_not_resumed_by_running_it_again(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        declared(world, sink, 5)
        world.must("hold", "everything", "--reason", "wait")
        world.herold("run", "hello", "--files", str(world.files), *NOW)
        world.must("suspend", NAME)
        world.must("hold", "release", "1")
        said = world.herold("run", "hello", "--files", str(world.files), "--yes", "--workers", "1")
        assert said.code == 4
        assert "herold resume" in said.err
        assert sink.accepted() == []
        world.must("resume", NAME)
        world.must("run", "hello", "--files", str(world.files), "--yes", "--workers", "1")
        assert len(sink.accepted()) == 5


def test_a_stopped_run_reaches_nobody_else(world: World, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "accepted.log") as sink:
        declared(world, sink, 5)
        world.must("hold", "everything", "--reason", "wait")
        world.herold("run", "hello", "--files", str(world.files), *NOW)
        unconfirmed = world.herold("stop", "hello")
        assert unconfirmed.code == 4
        assert world.must("status", "hello", "-o", "json").json["stoppedAt"] is None
        world.must("stop", "hello", "--yes")
        world.must("hold", "release", "1")
        again = world.herold("run", "hello", "--files", str(world.files), "--yes", "--workers", "1")
        assert again.code == 4
        assert sink.accepted() == []
