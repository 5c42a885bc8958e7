"""`kubectl apply` and it happens: a campaign from its five resources to the last outcome, and what is said of it."""

from __future__ import annotations

import signal
from pathlib import Path

from controller.platform import TEAM, Platform, world
from parts.kubernetes import wait_for
from parts.smtp_sink import smtp_sink


def test_a_campaign_that_is_applied_goes_out_and_its_status_says_so(platform: Platform, tmp_path: Path) -> None:
    platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        campaign = platform.declare(port=sink.port)
        assert platform.wait_reason(campaign, "Valid", "Accepted")["status"] == "True"
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
        worker = platform.worker()
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(30)
        assert sorted(recipient for _, recipient in sink.accepted()) == [f"person{n}@example.com" for n in range(5)]
    status = platform.status(campaign)
    (run,) = platform.runs()
    assert status["counts"] == {
        **{"planned": 5, "sent": 5, "deferred": 0, "failed": 0, "suppressed": 0, "skipped": 0, "uncertain": 0}
    }
    assert run.started_at is not None
    started = run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (status["state"], status["run"]) == (
        *("Completed", {"id": run.run_id, "occurrence": 1, "startedTime": started}),
    )
    assert status["observedGeneration"] == platform.api.get(campaign)["metadata"]["generation"]
    assert [each["type"] for each in status["conditions"]] == [
        *("Valid", "Planned", "Progressing", "Completed", "Suspended", "Degraded")
    ]
    assert status["ledger"]["sent"] == 5
    assert "nextSendTime" not in status
    table = platform.api.kubectl("get", "campaigns", "-n", TEAM)
    names, row = (line.split() for line in table.splitlines())
    assert names == ["NAME", "STATE", "DEGRADED", "PLANNED", "SENT", "FAILED", "UNCERTAIN", "NEXT", "AGE"]
    assert row[:7] == ["hello", "Completed", "AsExpected", "5", "5", "0", "0"]


def test_all_five_kinds_say_that_they_are_valid(platform: Platform) -> None:
    platform.operator()
    resources = world(campaign={"suspend": True})
    platform.apply(*resources)
    for item in resources:
        assert platform.wait_reason(item, "Valid", "Accepted")["status"] == "True", item["kind"]


def test_spec_suspend_and_the_annotation_are_brakes_in_the_ledger(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare(campaign={"suspend": True})
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    wait_for("the run", platform.runs)
    assert platform.runs()[0].suspended

    platform.api.merge(campaign, {"spec": {"suspend": False}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    wait_for("the run to go on", lambda: not platform.runs()[0].suspended)

    platform.api.kubectl("annotate", "campaign", "hello", "-n", TEAM, "herold.dev/hold=wrong price")
    wait_for("the hold", lambda: platform.runs()[0].holds == ["Campaign: wrong price"])
    assert "wrong price" in platform.wait_reason(campaign, "Suspended", "Held")["message"]
    platform.api.kubectl("annotate", "campaign", "hello", "-n", TEAM, "herold.dev/hold-")
    wait_for("the release", lambda: platform.runs()[0].holds == [])
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
