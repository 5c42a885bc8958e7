"""Many campaigns, wrong ones among them, and specs that change faster than anybody looks: each gets its own answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from controller.platform import TEAM, Object, Platform, named, world
from controller.test_writes import writes
from parts.kubernetes import wait_for

MANY = 500
WRONG = {
    "spec.message.topic: nothing is not a topic that ContactSchema customers declares",
    "spec.message.senderRef.name: SenderProfile shop-newsleter does not exist in namespace campaigns-shared",
    "spec.audience.excludeRefs[0].name: Segment vips does not exist in namespace campaigns-shop (declare it, or",
}


def found(platform: Platform) -> dict[str, Object]:
    items = platform.api.ask("GET", f"/apis/herold.dev/v1alpha1/namespaces/{TEAM}/campaigns")["items"]
    return {item["metadata"]["name"]: item for item in items}


def reason(item: Object, kind: str) -> tuple[str, str]:
    for each in item.get("status", {}).get("conditions", ()):
        if each["type"] == kind and each["observedGeneration"] == item["metadata"]["generation"]:
            return each["reason"], each["message"]
    return "", ""


def test_five_hundred_wrong_campaigns_are_nobodys_trouble_but_their_own(platform: Platform) -> None:
    operator = platform.operator()
    resources = world(campaign={"suspend": True, "repeatPolicy": "Allow"})
    later = datetime.now(UTC) + timedelta(days=7)
    at = {**resources[-1]["spec"]["schedule"], "at": later.strftime("%Y-%m-%dT%H:%M:%S")}
    good = [named(resources[-1], f"good-{number}", schedule=at) for number in range(MANY - 3)]
    now = [named(resources[-1], f"now-{number}") for number in range(3)]
    sender = {"name": "shop-newsleter", "scope": "Shared"}
    message = {**resources[-1]["spec"]["message"], "topic": "nothing", "senderRef": sender}
    audience = {**resources[-1]["spec"]["audience"], "excludeRefs": [{"name": "vips"}]}
    bad = [named(resources[-1], f"bad-{number}", message=message, audience=audience) for number in range(MANY)]
    platform.apply(*resources[:-1])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: platform.apply(*pair), zip(bad, (*good, *now), strict=True)))

    def settled() -> bool:
        items = found(platform)
        return all(reason(item, "Valid")[0] for item in items.values()) and all(
            reason(items[each["metadata"]["name"]], "Planned")[0] == "AudienceFrozen" for each in now
        )

    wait_for("everybody to have an answer", settled, 180, every=1)
    items = found(platform)
    assert len(items) == 2 * MANY
    for name, item in items.items():
        valid, words = reason(item, "Valid")
        if name.startswith("bad-"):
            assert valid == "ReferenceNotFound", name
            assert [each for each in WRONG if each not in words] == [], name
        else:
            assert valid == "Accepted", (name, words)
            assert reason(item, "Degraded")[0] == "AsExpected"
    assert len(platform.runs()) == len(now)
    assert operator.events("reconcile_broke") == []


def test_twenty_changes_in_a_second_end_in_the_last_one_and_cost_no_more_writes_than_changes(
    platform: Platform,
) -> None:
    platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    before = platform.api.audited()
    for number in range(20):
        platform.api.merge(campaign, {"spec": {"suspend": number % 2 == 0}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    wait_for("the run to go on", lambda: not platform.runs()[0].suspended)
    done = [each for each in writes(platform.api.requests(before)) if each[1] == "campaigns/status"]
    assert 1 <= len(done) <= 21
    assert len(platform.runs()) == 1
    assert platform.status(campaign)["observedGeneration"] == platform.api.get(campaign)["metadata"]["generation"]


def test_twenty_edits_of_what_is_pinned_end_in_the_last_one_too(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    for number in range(20):
        platform.api.merge(campaign, {"spec": {"audience": {"maxRecipients": 100 + number}}})
    assert "maxRecipients" in platform.wait_reason(campaign, "Degraded", "FrozenFieldChanged")["message"]
    platform.apply(campaign)
    platform.wait_reason(campaign, "Degraded", "AsExpected")
    assert len(platform.runs()) == 1
