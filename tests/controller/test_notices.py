"""A team hears of its campaigns where the platform declared a receiver: each thing once, in its order, about nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.platform import TEAM, Platform, named, world
from controller.rig import PEOPLE, running
from controller.test_preflights import HOUR, closed_port, due_in, preflights
from herold.ledger.holds import hold, release
from herold.ledger.runs import change_run
from parts.kubernetes import wait_for
from parts.smtp_sink import smtp_sink
from parts.webhook_receiver import FakeReceiver, Post, webhook_receiver


@pytest.fixture
def receiver(platform: Platform) -> Iterator[FakeReceiver]:
    """Of the team, as the platform declares it."""
    with webhook_receiver() as made:
        platform.declare_receiver(made.file)
        yield made


def wait_kind(receiver: FakeReceiver, kind: str, seconds: float = 30.0) -> Post:
    return wait_for(f"{kind} among {receiver.posts}", lambda: next(iter(receiver.told(kind)), None), seconds)


def test_the_team_hears_of_the_start_and_of_the_end_with_the_report(
    platform: Platform, receiver: FakeReceiver, tmp_path: Path
) -> None:
    platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        campaign = platform.declare(port=sink.port)
        with running(platform.worker()):
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
    done = wait_kind(receiver, "campaign.completed")
    assert [each.kind for each in receiver.posts] == ["campaign.started", "campaign.completed"]
    (run,) = platform.runs()
    data = done.data
    assert (data["environment"], data["namespace"], data["name"]) == ("test", TEAM, "hello")
    assert (data["run"], data["occurrence"], data["generation"], data["mode"]) == (run.run_id, 1, 1, "Live")
    assert data["counts"] == {
        "planned": 5, "sent": 5, "deferred": 0, "failed": 0, "suppressed": 0, "skipped": 0, "uncertain": 0,
    }  # fmt: skip
    assert len(data["intentDigest"]) == 64
    assert done.body["text"].startswith(f"{TEAM}/hello (test): done. Of 5 people: 5 sent.")
    assert receiver.refused == []
    said = b"".join(each.raw for each in receiver.posts).decode()
    assert [address for address in PEOPLE if address in said] == []
    assert "@" not in said


def heard(receiver: FakeReceiver) -> list[str]:
    return [each.kind.removeprefix("campaign.") for each in receiver.told()]


def test_without_a_receiver_nothing_is_written(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    assert platform.connection.execute("SELECT FROM told UNION ALL SELECT FROM notice").fetchall() == []


def test_a_receiver_that_is_declared_later_is_told_from_then_on(platform: Platform, tmp_path: Path) -> None:
    platform.declare_receiver({}, "campaigns-nobody")
    platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        over = platform.declare(port=sink.port, campaign={"repeatPolicy": "Allow"})
        with running(platform.worker()):
            platform.wait_reason(over, "Completed", "EverybodySettled")
    with webhook_receiver() as receiver:
        platform.declare_receiver(receiver.file)
        probes: list[str] = []

        def is_known() -> bool:
            """The file is read within a few seconds: what happens by then is not told."""
            probes.append(f"probe-{len(probes)}")
            probe = {**named(over, probes[-1]), "spec": {**over["spec"], "suspend": True}}
            platform.apply(probe)
            platform.wait_reason(probe, "Suspended", "SpecSuspend")
            return bool(receiver.told())

        wait_for("a probe that is told", is_known, 60)
        platform.api.merge(over, {"spec": {"audience": {"maxRecipients": 77}}})
        wait_for("the edit", lambda: [each for each in receiver.told() if each.data["name"] == "hello"])
        of_it = [each.data["reason"] for each in receiver.told() if each.data["name"] == "hello"]
        assert of_it == ["AlreadyRan"]  # and neither its start nor its end


def test_brakes_and_a_stop_are_told_without_a_word_that_people_wrote(
    platform: Platform, receiver: FakeReceiver
) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    number = hold(platform.connection, "Team", TEAM, reason="ask person1@example.com", actor="anna@laptop")
    held = wait_kind(receiver, "campaign.held")
    assert (held.data["reason"], held.data["counts"]["planned"]) == ("Held", 5)
    release(platform.connection, number, actor="ben")
    wait_kind(receiver, "campaign.released")
    change_run(platform.connection, platform.runs()[0].run_id, "stop", actor="anna", reason="Ben said so")
    with running(platform.worker()):
        stopped = wait_kind(receiver, "campaign.stopped")
    assert stopped.data["counts"]["skipped"] == 5
    assert heard(receiver) == ["held", "released", "stopped"]
    said = b"".join(each.raw for each in receiver.posts).decode()
    assert not re.search("anna|ben|@|laptop", said, re.IGNORECASE)


def test_each_finding_of_a_pre_flight_is_told_once_and_that_they_are_gone(
    platform: Platform, receiver: FakeReceiver, tmp_path: Path
) -> None:
    platform.operator(preflight_again="1")
    most = {"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 1}}
    resources = world(port=closed_port(), schedule=due_in(2 * HOUR), campaign=most)
    campaign = resources[-1]
    platform.apply(*resources)
    platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")
    turn = preflights(platform)[0][1]
    wait_for("two more looks", lambda: preflights(platform)[0][1] >= turn + 2, 60)
    wait_for("both", lambda: len(receiver.told()) == 2)
    found = {each.data["reason"]: each.data["finding"]["message"] for each in receiver.told("campaign.preflight_found")}
    assert set(found) == {"TooManyRecipients", "RelayAway"}
    assert found["TooManyRecipients"].startswith("5 people")
    with smtp_sink(tmp_path / "sink.log") as sink:
        platform.api.merge(resources[1], {"spec": {"route": {"port": sink.port}}})
        platform.api.merge(campaign, {"spec": {"audience": {"maxRecipients": 100}}})
        wait_kind(receiver, "campaign.preflight_clear")
    assert heard(receiver) == ["preflight_found", "preflight_found", "preflight_clear"]


def test_a_deletion_that_pauses_a_run_is_told_and_that_it_goes_on(platform: Platform, receiver: FakeReceiver) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.delete(campaign)
    held = wait_kind(receiver, "campaign.held")
    assert held.data["reason"] == "Orphaned"
    platform.apply(campaign)
    wait_kind(receiver, "campaign.released")
    assert heard(receiver) == ["held", "released"]


def test_a_mistake_is_told_and_that_it_is_mended(platform: Platform, receiver: FakeReceiver) -> None:
    platform.operator()
    resources = world(campaign={"suspend": True})
    campaign = resources[-1]
    message = {**campaign["spec"]["message"], "topic": "nothing"}
    platform.apply(*resources[:-1], {**campaign, "spec": {**campaign["spec"], "message": message}})
    trouble = wait_kind(receiver, "campaign.trouble")
    assert trouble.data["reason"] == "NotAccepted"
    platform.api.merge(campaign, {"spec": {"message": {"topic": "offers"}}})
    wait_kind(receiver, "campaign.trouble_over")


def test_a_restart_and_a_look_at_everything_tell_nothing_again(platform: Platform, receiver: FakeReceiver) -> None:
    first = platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    wait_kind(receiver, "campaign.held")
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    first.stop()
    before = platform.api.audited()
    platform.operator(resync="5")
    wait_for("two resyncs", lambda: platform.lists(before) >= 4, 40)
    assert [each.kind for each in receiver.posts] == ["campaign.held"]


def test_a_receiver_that_never_answers_slows_no_campaign(
    platform: Platform, receiver: FakeReceiver, tmp_path: Path
) -> None:
    receiver.answer = lambda post: 0
    operator = platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        campaign = platform.declare(port=sink.port)
        with running(platform.worker()):
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
    assert platform.connection.execute("SELECT count(*) FROM notice WHERE settled_at IS NULL").fetchone() == (2,)
    receiver.answer = lambda post: 200
    receiver.go_on.set()
    wait_kind(receiver, "campaign.completed", 60)
    assert operator.events("reconcile_failed") == []
    text = operator.log.read_text()
    assert receiver.secret not in text
    assert "a-secret-path" not in text


def test_no_address_of_the_audience_is_in_anything_that_is_told(
    platform: Platform, receiver: FakeReceiver, tmp_path: Path
) -> None:
    """Also where relays quote it, and where people write it."""
    platform.operator()
    with smtp_sink(tmp_path / "sink.log", "--fault", "5.1.1=person2") as sink:
        platform.declare(port=sink.port)
        with running(platform.worker()):
            done = wait_kind(receiver, "campaign.completed", 60)
    assert (done.data["counts"]["sent"], done.data["counts"]["failed"]) == (4, 1)
    rows = platform.connection.execute("SELECT body FROM notice UNION ALL SELECT facts::text FROM told").fetchall()
    said = b"".join(each.raw for each in receiver.posts).decode() + "".join(row[0] for row in rows)
    names = platform.connection.execute("SELECT address FROM endpoint").fetchall()
    assert len(names) == 5
    assert [name for (name,) in names if name in said or name.partition("@")[0] in said] == []
