"""A lane that the route's fault paused, as people see it and end it."""

from __future__ import annotations

from pathlib import Path

from cli.world import CANARY, DEADLINE, World, addresses, hello
from herold.ledger.runs import start_run
from parts.kubernetes import wait_for
from parts.people import add_people
from parts.smtp_sink import smtp_sink

SENDER = "campaigns-shared/shop-newsletter"


def test_a_lane_that_a_fault_paused_is_listed_with_the_relays_words_and_sends_again_when_it_is_resumed(
    world: World, tmp_path: Path
) -> None:
    everybody = addresses(20)
    with smtp_sink(tmp_path / "accepted.log") as sink:
        sink.control.change("fault", "5.7.1:1.0")
        world.declare(hello(sink.port))
        with world.ledger() as connection:
            add_people(connection, everybody)
        running = world.start("run", "hello", "--files", str(world.files), "--now", "--yes", "--workers", "1")

        def paused() -> list[dict[str, object]]:
            lanes = world.must("lane", "list", "-o", "json").json
            return [each for each in lanes if each["pausedUntil"] is not None]

        (lane,) = wait_for("a pause", paused, DEADLINE)
        assert lane["sender"] == SENDER
        assert lane["pauseReason"] == "550 not allowed to send"
        table = world.must("lane", "list").out
        assert "550 not allowed to send" in table
        assert CANARY not in table
        sink.control.change("no-faults")
        # By itself it would be tried again after a quarter of an hour.
        assert "resumed: " in world.must("lane", "resume", "shop-newsletter", "--actor", "anna").out
        out, err = running.communicate(timeout=DEADLINE)
        assert running.returncode == 0, out + err
        assert sorted(recipient for _, recipient in sink.accepted()) == sorted(everybody)
    with world.ledger() as connection:
        deeds = connection.execute("SELECT actor, detail FROM audit WHERE action = 'ResumeLane'").fetchall()
    assert deeds == [("anna", {"lanes": [lane["name"]]})]


def test_resuming_what_is_not_paused_writes_nothing_and_what_is_not_there_is_named(world: World) -> None:
    assert "no lanes" in world.must("lane", "list").out
    unknown = world.herold("lane", "resume", "shop-newsletter")
    assert unknown.code == 3
    assert "a sender is known once a campaign of it has started" in unknown.err
    with world.ledger() as connection:
        add_people(connection, addresses(1))
        start_run(connection, hello(), key=b"k" * 32, actor="test", at_once=True)
    before = world.trace()
    assert "no lane of this sender is paused" in world.must("lane", "resume", SENDER).out
    wrong = world.herold("lane", "resume", SENDER, "--lane", "gmail")
    assert wrong.code == 3
    assert "it has: default" in wrong.err
    assert world.trace() == before
