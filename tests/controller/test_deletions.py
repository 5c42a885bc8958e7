"""A campaign that is deleted pauses and is kept; many that vanish at once wait for a person."""

from __future__ import annotations

from controller.platform import TEAM, Platform, named, world
from herold.ledger.holds import active_holds, release
from parts.kubernetes import wait_for


def holds(platform: Platform) -> list[str]:
    return [hold.reason.partition(":")[0] for hold in active_holds(platform.connection)]


def test_a_deleted_campaign_pauses_and_goes_on_when_it_comes_back(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.delete(campaign)
    wait_for("the pause", lambda: holds(platform) == ["Orphaned"])
    (run,) = platform.runs()
    assert (run.state, run.waiting) == ("Open", 5)
    platform.apply(campaign)
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    assert holds(platform) == []
    assert platform.status(campaign)["run"]["id"] == run.run_id
    assert len(platform.runs()) == 1


def test_a_campaign_that_comes_back_changed_asks_a_person(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.delete(campaign)
    wait_for("the pause", lambda: holds(platform) == ["Orphaned"])
    spec = {**campaign["spec"], "audience": {**campaign["spec"]["audience"], "maxRecipients": 99}}
    platform.apply({**campaign, "spec": spec})
    platform.wait_reason(campaign, "Degraded", "FrozenFieldChanged")
    assert "Orphaned" in platform.wait_reason(campaign, "Suspended", "Held")["message"]
    release(platform.connection, active_holds(platform.connection)[0].id, actor="somebody")
    platform.wait_reason(campaign, "Suspended", "NotSuspended")


def test_what_was_deleted_while_nobody_watched_pauses_too(platform: Platform) -> None:
    first = platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    first.stop()
    platform.api.delete(campaign)
    platform.operator()
    wait_for("the pause", lambda: holds(platform) == ["Orphaned"])


def test_many_campaigns_that_vanish_at_once_are_held_until_a_person_looked(platform: Platform) -> None:
    operator = platform.operator()
    resources = world(campaign={"repeatPolicy": "Allow"})
    campaigns = [named(resources[-1], f"campaign-{number}") for number in range(6)]
    platform.apply(*resources[:-1], *campaigns)
    for campaign in campaigns:
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.ask("DELETE", f"/apis/herold.dev/v1alpha1/namespaces/{TEAM}/campaigns")
    wait_for("all to be held", lambda: holds(platform) == ["MassDeletion"] * 6)
    wait_for(
        "the log to call it an error",
        lambda: any(event["level"] == "error" for event in operator.events("campaign_vanished")),
    )
    platform.apply(*campaigns)
    condition = platform.wait_reason(campaigns[0], "Suspended", "MassDeletion")
    (number,) = [hold.id for hold in active_holds(platform.connection) if hold.target.endswith("campaign-0")]
    assert f"hold {number} " in condition["message"]
    release(platform.connection, number, actor="somebody")
    platform.wait_reason(campaigns[0], "Suspended", "NotSuspended")
    assert holds(platform) == ["MassDeletion"] * 5


def test_a_run_that_a_person_started_by_hand_is_nobodys_orphan(platform: Platform) -> None:
    from herold.ledger.runs import start_run
    from parts.campaigns import small_campaign
    from parts.people import KEY

    start_run(platform.connection, small_campaign(name="by-hand"), key=KEY, actor="somebody", at_once=True)
    operator = platform.operator()
    campaign = platform.declare(campaign={"suspend": True, "repeatPolicy": "Allow"})
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.delete(campaign)
    wait_for("the pause of the other", lambda: holds(platform) == ["Orphaned"])
    (vanished,) = wait_for("what the log says of it", lambda: operator.events("campaign_vanished"))
    assert vanished["campaign"] == f"{TEAM}/hello"
