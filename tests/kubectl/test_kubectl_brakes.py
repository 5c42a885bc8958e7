"""hold, release, stop: they do what they say, and say what is true, also with the operator dead."""

from __future__ import annotations

import signal
import time

import pytest

from controller.platform import TEAM, Platform, world
from herold.ledger.holds import active_holds, hold, release
from herold_operator.annotations import BY_ANNOTATION
from kubectl.hand import Hand
from parts.campaigns import small_campaign
from parts.kubernetes import wait_for
from parts.ledger import Hand as Worker
from reader.service import Reader, begin

WITHIN = 2.0
REASON = ("--reason", "wrong price")


@pytest.fixture
def olga(people: dict[str, Hand]) -> Hand:
    """Who may hold."""
    return people["olga"]


def test_hold_and_release_by_the_operator_never_edit_the_spec(platform: Platform, olga: Hand) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    before = platform.api.get(campaign)

    said = olga.must("hold", "hello", *REASON)
    assert said.out.startswith(f"{TEAM}/hello is held: ")
    assert said.out.endswith("last count: 0 of 5 sent\n")
    (found,) = active_holds(platform.connection)
    assert (found.reason, found.actor) == ("wrong price", BY_ANNOTATION)

    again = olga.must("hold", "hello", "--reason", "wrong date", "-o", "json").json
    assert (again["held"], again["by"], again["reason"]) == (True, "operator", "wrong date")
    assert [each.reason for each in active_holds(platform.connection)] == ["wrong date"]

    hold(platform.connection, "Team", TEAM, reason="they move house", actor="anna@laptop")
    said = olga.must("release", "hello")
    assert f"{TEAM}/hello is released: " in said.out
    assert "on Team by anna@laptop: they move house" in said.out
    assert "herold hold release ID" in said.out
    assert [each.scope for each in active_holds(platform.connection)] == ["Team"]
    assert "there is nothing to release" in olga.must("release", "hello").out

    after = platform.api.get(campaign)
    assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], before["metadata"]["generation"])
    managers = {each["manager"] for each in after["metadata"]["managedFields"]}
    assert "kubectl-campaign" not in managers, "the annotation is gone, so is whose it was"


def test_with_the_operator_dead_the_read_service_holds_within_two_seconds(
    platform: Platform, olga: Hand, led: Reader
) -> None:
    platform.apply(*world())
    began = time.monotonic()
    said = olga.must("hold", "hello", *REASON, "-o", "json").json
    print(f"\nhold with the operator dead: {said['seconds']} s, with the process {time.monotonic() - began:.1f} s")
    assert (said["held"], said["by"], said["operatorConfirmed"]) == (True, "readService", False)
    assert said["seconds"] < WITHIN
    (found,) = active_holds(platform.connection)
    assert found.id == said["hold"]
    words = olga.must("hold", "hello", *REASON)
    assert f"{TEAM}/hello is held: " in words.out
    assert "the operator has not confirmed in 2 s: the read service put the hold into the ledger" in words.err
    assert len(active_holds(platform.connection)) == 1

    said = olga("release", "hello")
    assert said.code == 5
    assert "it may still be held" in said.err
    platform.operator()
    wait_for("the operator's release", lambda: active_holds(platform.connection) == [])


def test_a_status_that_is_older_than_the_truth_confirms_nothing(platform: Platform, olga: Hand, led: Reader) -> None:
    operator = platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert olga.must("hold", "hello", *REASON, "-o", "json").json["held"] is True
    platform.wait_reason(campaign, "Suspended", "Held")
    operator.stop(signal.SIGKILL)
    (found,) = active_holds(platform.connection)
    release(platform.connection, found.id, actor="somebody")
    said = olga.must("hold", "hello", *REASON, "-o", "json").json
    assert (said["by"], said["operatorConfirmed"]) == ("readService", False)
    assert [each.reason for each in active_holds(platform.connection)] == ["wrong price"]


def test_when_nobody_confirms_that_is_said_and_the_annotation_waits(platform: Platform, olga: Hand) -> None:
    campaign = platform.declare()
    platform.api.ask("DELETE", "/api/v1/namespaces/herold-platform/services/herold-reader")
    said = olga("hold", "hello", *REASON)
    assert said.code == 5
    assert "nobody has confirmed" in said.err
    assert f"herold hold campaign {TEAM}/hello" in said.err
    assert "is held" not in said.out
    assert platform.api.get(campaign)["metadata"]["annotations"]["herold.dev/hold"] == "wrong price"


def test_what_is_over_is_not_held_and_not_stopped(platform: Platform, olga: Hand) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    worker = Worker(platform.url)
    wait_for("a window", lambda: worker.record(worker.window(), "sent"))
    worker.maintain()
    platform.wait_reason(campaign, "Completed", "EverybodySettled")
    assert "It is over (Completed)" in olga.must("hold", "hello", *REASON).out
    said = olga("stop", "hello", "--reason", "too late", "--yes")
    assert (said.code, "is over: Completed" in said.err) == (4, True)


def test_stop_asks_first_and_ends_the_run_that_it_names(platform: Platform, olga: Hand) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    (run,) = platform.runs()
    said = olga("stop", "hello", "--reason", "withdrawn")
    assert (said.code, "add --yes" in said.err) == (4, True)
    assert "herold.dev/stop" not in (platform.api.get(campaign)["metadata"].get("annotations") or {})

    told = olga.must("stop", "hello", "--reason", "withdrawn", "--yes", "-o", "json").json
    assert (told["run"], told["state"]) == (run.run_id, "Stopping")
    annotation = platform.api.get(campaign)["metadata"]["annotations"]["herold.dev/stop"]
    assert annotation == f"{run.run_id} withdrawn"
    assert platform.runs()[0].stopped_at is not None


def test_stop_without_a_run_or_an_operator_says_so(platform: Platform, olga: Hand) -> None:
    campaign = platform.declare()
    said = olga("stop", "hello", "--reason", "withdrawn", "--yes")
    assert (said.code, "has no run" in said.err) == (4, True)
    operator = platform.operator()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    operator.stop(signal.SIGKILL)
    said = olga("stop", "hello", "--reason", "withdrawn", "--yes")
    assert said.code == 5
    assert "goes on until it does" in said.err
    assert "kubectl campaign hold hello" in said.err


def test_whoever_may_not_brake_is_refused_and_nothing_is_written(platform: Platform, people: dict[str, Hand]) -> None:
    platform.apply(*world())
    begin(platform, small_campaign())
    for words in (("hold", "hello", *REASON), ("stop", "hello", *REASON, "--yes")):
        said = people["stranger"](*words)
        assert said.code == 4, said
        assert "Forbidden" in said.err
    said = people["vera"]("hold", "hello", *REASON)
    assert (said.code, "cannot patch" in said.err) == (4, True)
    assert active_holds(platform.connection) == []
    assert people["olga"]("hold", "no-such", *REASON).code == 3
    assert people["olga"]("hold", "hello", "--reason", " ").code == 2
