"""`kubectl describe` tells a person what happened: each thing once, in its order, and never a flood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from controller.platform import TEAM, Object, Platform, world
from controller.test_writes import writes
from herold.ledger.holds import active_holds, hold, release
from herold.ledger.lookup import find_run
from herold.ledger.runs import change_run
from herold_operator.events import BURST, ENDED, EVENTS, TOLD, EventReason
from herold_operator.reasons import MEANINGS, ConditionType, Reason
from parts.kubernetes import ROOT, wait_for
from parts.smtp_sink import smtp_sink


def reasons(platform: Platform, item: Object) -> list[str]:
    return [each["reason"] for each in platform.told(item)]


def wait_told(platform: Platform, item: Object, reason: str) -> Object:
    return wait_for(
        f"Event {reason}", lambda: next((each for each in platform.told(item) if each["reason"] == reason), None)
    )


def test_describe_shows_the_life_of_a_campaign_in_its_order(platform: Platform, tmp_path: Path) -> None:
    platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        resources = world(port=sink.port, campaign={"suspend": True})
        campaign = resources[-1]
        platform.apply(*resources)
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
        wait_told(platform, campaign, "Suspended")
        platform.api.merge(campaign, {"spec": {"suspend": False}})
        wait_told(platform, campaign, "Resumed")
        worker = platform.worker()
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
        finally:
            worker.terminate()
            worker.wait(30)
    done = wait_told(platform, campaign, "Completed")
    assert done["message"].endswith("Of 5 people: 5 sent, 0 failed, 0 suppressed, 0 skipped.")
    told = [each for each in reasons(platform, campaign) if each != "Started"]  # it may be over before it is seen
    assert told == ["Accepted", "Suspended", "AudienceFrozen", "Resumed", "Completed"]
    assert {each["type"] for each in platform.told(campaign)} == {"Normal"}
    for item in resources[:-1]:
        wait_told(platform, item, "Accepted")
    described = platform.api.kubectl("describe", "campaign", "hello", "-n", TEAM)
    assert "Completed" in described.partition("\nEvents:")[2]
    said = str([platform.told(each) for each in resources])
    assert "person" not in said


def test_a_hold_names_who_put_it_on_and_who_took_it_off(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    number = hold(platform.connection, "Team", TEAM, reason="wrong price", actor="anna")
    assert f"hold {number} on Team by anna: wrong price" in wait_told(platform, campaign, "Held")["message"]
    release(platform.connection, number, actor="ben")
    assert f"hold {number} (wrong price) released by ben" in wait_told(platform, campaign, "Released")["message"]


def test_a_stop_names_who_did_it_and_ends_with_the_counts(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    change_run(platform.connection, find_run(platform.connection, f"{TEAM}/hello", None), "stop", actor="anna")
    assert "Stopped by anna" in wait_told(platform, campaign, "Stopping")["message"]
    worker = platform.worker()
    try:
        message = wait_told(platform, campaign, "Stopped")["message"]
    finally:
        worker.terminate()
        worker.wait(30)
    assert "Of 5 people: 0 sent, 0 failed, 0 suppressed, 5 skipped. Stopped by anna" in message


def test_a_mistake_is_a_warning_and_another_mistake_is_told_too(platform: Platform) -> None:
    platform.operator()
    resources = world(campaign={"suspend": True})
    campaign = resources[-1]
    message = campaign["spec"]["message"]
    platform.apply(
        *resources[:-1], {**campaign, "spec": {**campaign["spec"], "message": {**message, "topic": "nothing"}}}
    )
    first = wait_told(platform, campaign, "InvalidSpec")
    assert (first["type"], "nothing is not a topic" in first["message"]) == ("Warning", True)
    platform.api.merge(campaign, {"spec": {"message": {"topic": "more"}}})
    wait_for("the other", lambda: any("more is not a topic" in each["message"] for each in platform.told(campaign)))
    platform.api.merge(campaign, {"spec": {"message": {"topic": "offers"}}})
    wait_told(platform, campaign, "Accepted")
    assert reasons(platform, campaign).count("InvalidSpec") == 2


def test_a_restart_and_a_look_at_everything_tell_nothing_again(platform: Platform) -> None:
    first = platform.operator()
    resources = world(campaign={"suspend": True})
    platform.apply(*resources)
    for item in resources:
        wait_told(platform, item, "Accepted")
    wait_told(platform, resources[-1], "Suspended")
    wait_told(platform, resources[-1], "AudienceFrozen")
    first.stop()
    before = platform.api.audited()
    platform.operator(resync="5")

    wait_for("two resyncs", lambda: platform.lists(before) >= 4, 40)
    assert writes(platform.api.requests(before)) == []


def test_an_operator_that_stops_posts_first_what_it_has_to_tell(platform: Platform) -> None:
    operator = platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    operator.stop()
    assert reasons(platform, campaign)[:3] == ["Accepted", "Suspended", "AudienceFrozen"]


def test_what_flaps_is_counted_and_floods_nobody(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    wait_told(platform, campaign, "Suspended")
    wait_told(platform, campaign, "AudienceFrozen")
    before = platform.api.audited()
    for _ in range(20):
        platform.api.merge(campaign, {"spec": {"suspend": False}})
        platform.wait_reason(campaign, "Suspended", "NotSuspended")
        platform.api.merge(campaign, {"spec": {"suspend": True}})
        platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    wait_told(platform, campaign, "Resumed")
    told = {each["reason"]: each for each in platform.told(campaign)}
    assert sorted(told) == ["Accepted", "AudienceFrozen", "Resumed", "Suspended"]
    wait_for("the count", lambda: _told(platform, campaign, "Suspended")["count"] > 3)
    posted = [each for each in writes(platform.api.requests(before)) if each[1] == "events"]
    assert len(posted) <= BURST
    assert len([each for each in posted if each[0] == "create"]) == 1
    assert reasons(platform, campaign).count("Suspended") == 1


def _told(platform: Platform, item: Object, reason: str) -> Object:
    return next(each for each in platform.told(item) if each["reason"] == reason)


def test_an_event_that_is_gone_is_made_anew(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    wait_told(platform, campaign, "Suspended")
    platform.api.ask("DELETE", f"/api/v1/namespaces/{TEAM}/events")
    platform.api.merge(campaign, {"spec": {"suspend": False}})
    wait_told(platform, campaign, "Resumed")
    platform.api.merge(campaign, {"spec": {"suspend": True}})
    assert wait_told(platform, campaign, "Suspended")["count"] == 1


def test_without_the_right_to_post_conditions_are_as_true_as_ever(platform: Platform) -> None:
    role: Any = next(
        item
        for item in yaml.safe_load_all((ROOT / "operator" / "deploy" / "rbac.yaml").read_text())
        if item["kind"] == "ClusterRole"
    )
    platform.api.merge(role, {"rules": [rule for rule in role["rules"] if rule.get("resources") != ["events"]]})
    operator = platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    wait_for("the log to say it", lambda: operator.events("event_not_posted"))
    assert platform.told(campaign) == []
    assert operator.process.poll() is None


def test_deletions_are_told_where_the_campaign_was(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.delete(campaign)

    def told() -> list[str]:
        query = "?fieldSelector=reason=Orphaned,involvedObject.name=hello"
        items = platform.api.ask("GET", f"/api/v1/namespaces/{TEAM}/events{query}")["items"]
        return [each["message"] for each in items]

    (run,) = platform.runs()
    wait_for("the Event", lambda: any(each.endswith(f"run {run.run_id}.") for each in told()))
    assert [each.reason for each in active_holds(platform.connection)] == ["Orphaned: the Campaign was deleted"]


def test_every_reason_is_told_or_said_by_another() -> None:
    assert set(EVENTS) == set(EventReason)
    silent = {
        *(
            Reason.SCHEDULED,
            Reason.BUILDING,
            Reason.NOT_PLANNED,
            Reason.ARMED,
            Reason.NOT_STARTED,
            Reason.OVER,
            Reason.NOT_YET,
        ),
        *(Reason.NOT_SUSPENDED, Reason.AS_EXPECTED, Reason.NOT_ACCEPTED),
    }
    assert set(TOLD) | silent == set(Reason)
    assert set(TOLD) & silent == set()
    for reason, event in TOLD.items():
        if (MEANINGS[reason].type, MEANINGS[reason].status) == (ConditionType.DEGRADED, "True"):
            assert EVENTS[event].type == "Warning", reason
    assert {*TOLD.values(), *ENDED.values(), EventReason.ORPHANED} == set(EventReason)
