"""The operator asks for no more than it must, and may do no more than it asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from controller.platform import Platform, approval, world
from parts.kubernetes import ROOT, SERVICE_ACCOUNT, wait_for
from parts.smtp_sink import smtp_sink

WRITES = {"create", "update", "patch", "delete"}


def writes(requests: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(verb, resource, name) of all that changed something, renewals of the Lease left out."""
    found = []
    for each in requests:
        what = each.get("objectRef", {})
        if each["verb"] in WRITES and what.get("resource") != "leases":
            name = "/".join(filter(None, (what.get("resource"), what.get("subresource"))))
            found.append((each["verb"], name, what.get("name", "")))
    return found


def test_a_restart_and_a_resync_where_nothing_changed_write_nothing(platform: Platform) -> None:
    first = platform.operator()
    resources = world(campaign={"suspend": True})
    platform.apply(*resources)
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen")
    platform.wait_reason(resources[-1], "Suspended", "SpecSuspend")
    for item in resources:
        platform.wait_reason(item, "Valid", "Accepted")
    first.stop()
    before = platform.api.audited()
    second = platform.operator(resync="5")

    wait_for("two resyncs", lambda: platform.lists(before) >= 5, 40)
    assert writes(platform.api.requests(before)) == []
    assert second.process.poll() is None


def test_a_campaign_costs_one_status_write_for_each_thing_that_happens(platform: Platform, tmp_path: Path) -> None:
    before = platform.api.audited()
    operator = platform.operator(counts_every="15")
    with smtp_sink(tmp_path / "sink.log") as sink:
        campaign = platform.declare(port=sink.port)
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
        worker = platform.worker()
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
        finally:
            worker.terminate()
            worker.wait(30)
    operator.stop()
    done = writes(platform.api.requests(before))
    # Building, armed, sending, completed: each at most once, and not at all when it was over before it was seen.
    assert 2 <= len([each for each in done if each[1] == "campaigns/status"]) <= 5, done
    assert len([each for each in done if each[1] == "deployments"]) <= 2, done
    assert [each[0] for each in done if each[1] == "jobs"] == ["create"], done
    events = [each for each in done if each[1] == "events"]
    assert all(each[0] == "patch" for each in done if each[1] not in ("events", "jobs")), done
    # Accepted, frozen, started, completed; and one for each of the other four resources.
    assert len(events) <= 8, events
    assert {each[0] for each in events} == {"create"}


def test_the_roles_allow_what_is_asked_for_and_nothing_else(platform: Platform) -> None:
    before = platform.api.audited()
    platform.node.may_run = lambda pod: {"phase": "Pending"}
    operator = platform.operator(workers_idle="0", task_patience="1")
    resources = world()
    platform.apply(*resources, approval(resources))
    platform.wait_reason(approval(resources), "Valid", "Accepted")
    platform.wait_reason(resources[-1], "Degraded", "AudienceBuildLate")
    platform.node.may_run = lambda pod: None
    wait_for(
        "a worker", lambda: ("patch", "deployments") in {each[:2] for each in writes(platform.api.requests(before))}
    )
    for suspend in (True, False, True):  # what is told twice amends an Event
        platform.api.merge(resources[-1], {"spec": {"suspend": suspend}})
        platform.wait_reason(resources[-1], "Suspended", "SpecSuspend" if suspend else "NotSuspended")
    wait_for(
        "an amended Event", lambda: ("patch", "events") in {each[:2] for each in writes(platform.api.requests(before))}
    )
    platform.api.merge(resources[-1], {"metadata": {"annotations": {"herold.dev/hold": "enough"}}})
    platform.wait_reason(resources[-1], "Suspended", "Held")
    platform.api.delete(resources[1])
    wait_for(
        "no worker", lambda: ("delete", "deployments") in {each[:2] for each in writes(platform.api.requests(before))}
    )
    operator.stop()
    requests = platform.api.requests(before)
    refused = [each["requestURI"] for each in requests if each["responseStatus"]["code"] in (401, 403)]
    assert refused == []
    asked = {
        (
            each["verb"],
            each["objectRef"].get("apiGroup", ""),
            "/".join(filter(None, (each["objectRef"]["resource"], each["objectRef"].get("subresource")))),
        )
        for each in requests
        if "objectRef" in each and "resource" in each["objectRef"]
    }
    # An apply that makes the object is a patch in the log, and needs the right to create.
    asked |= {
        ("create", each["objectRef"]["apiGroup"], each["objectRef"]["resource"])
        for each in requests
        if each["verb"] == "patch" and each["responseStatus"]["code"] == 201
    }
    allowed = set()
    for item in yaml.safe_load_all((ROOT / "operator" / "deploy" / "rbac.yaml").read_text()):
        for rule in item.get("rules", ()):
            for group in rule.get("apiGroups", ()):
                allowed |= {(verb, group, resource) for resource in rule["resources"] for verb in rule["verbs"]}
    assert asked <= allowed
    assert allowed - asked == set(), "the roles allow what nobody asks for"


def test_logs_are_json_lines_without_addresses(platform: Platform) -> None:
    operator = platform.operator()
    resources = world()
    platform.apply(*resources)
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen")
    operator.stop()
    text = operator.log.read_text()
    assert len(operator.events()) == len(text.splitlines())
    assert not re.search(r"person\d+@", text)
    assert SERVICE_ACCOUNT not in text
    for item in resources:
        assert "person" not in str(platform.status(item))
