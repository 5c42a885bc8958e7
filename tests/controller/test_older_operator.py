"""An operator that is older than the CRD: it works, keeps what it does not know, and obeys none of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.platform import TEAM, Object, Platform, named, world
from controller.test_writes import writes
from herold.resources.meta import API_VERSION
from herold.resources.status import CampaignStatus
from herold_operator.api import FIELD_MANAGER
from herold_operator.newer import keep_unknown
from parts.kubernetes import ROOT, Answer, served, wait_for
from parts.smtp_sink import smtp_sink

CRD = ROOT / "operator" / "crds" / "campaigns.yaml"


@pytest.fixture
def newer_crd(platform: Platform) -> Iterator[None]:
    """The CRD of a later version: a field more in spec, two more in status."""
    present = yaml.safe_load(CRD.read_text())
    later: Any = copy.deepcopy(present)
    schema = later["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    schema["spec"]["properties"]["rollout"] = {"type": "object", "properties": {"stages": {"type": "integer"}}}
    schema["status"]["properties"]["stage"] = {"type": "integer"}
    schema["status"]["properties"]["counts"]["properties"]["delivered"] = {"type": "integer"}
    platform.api.apply(later)
    probe = named(world()[-1], "probe")
    probe = {**probe, "spec": {**probe["spec"], "suspend": True, "rollout": {"stages": 1}}}
    try:
        wait_for("the field", lambda: _is_taken(platform, probe))
        yield
    finally:
        platform.api.apply(present)
        wait_for("the field to be gone", lambda: not _is_taken(platform, probe))
        wait_for("Herold's kinds", lambda: served(platform.api))


def _is_taken(platform: Platform, probe: Object) -> bool:
    path = f"/apis/{API_VERSION}/namespaces/{TEAM}/campaigns/probe?fieldManager=tests&force=true&dryRun=All"
    try:
        made = platform.api.ask("PATCH", path, probe, kind="application/apply-patch+yaml")
    except Answer:
        return False  # it is not declared, or the API server is busy with the change
    return "rollout" in made["spec"]


def say_as_a_newer_operator(platform: Platform, campaign: Object, status: Object) -> None:
    """As the operator of a later version does: server-side apply with the same field manager."""
    name = campaign["metadata"]["name"]
    path = f"/apis/{API_VERSION}/namespaces/{TEAM}/campaigns/{name}/status?fieldManager={FIELD_MANAGER}&force=true"
    manifest = {"apiVersion": API_VERSION, "kind": "Campaign", "metadata": {"name": name}, "status": status}
    platform.api.ask("PATCH", path, manifest, kind="application/apply-patch+yaml")


@pytest.mark.usefixtures("newer_crd")
def test_it_carries_a_campaign_out_and_keeps_what_a_newer_one_wrote(platform: Platform, tmp_path: Path) -> None:
    operator = platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        campaign = platform.declare(port=sink.port, campaign={"suspend": True})
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
        operator.stop()
        status = platform.status(campaign)
        later = {
            **{"type": "Approved", "status": "True", "reason": "ByAnna", "message": "Yes."},
            **{"lastTransitionTime": "2026-11-25T12:00:00Z", "observedGeneration": 1},
        }
        say_as_a_newer_operator(
            platform,
            campaign,
            {
                **{**status, "stage": 2},
                "counts": {**status["counts"], "delivered": 0},
                "conditions": [*status["conditions"], later],
            },
        )
        before = platform.api.audited()
        again = platform.operator(resync="5")
        wait_for("a look at everything", lambda: platform.lists(before) >= 4, 40)
        assert writes(platform.api.requests(before)) == []  # it does not take it away, and does not quarrel about it
        platform.api.merge(campaign, {"spec": {"suspend": False}})
        worker = platform.worker()
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
        finally:
            worker.terminate()
            worker.wait(30)
        assert len(sink.accepted()) == 5
    found = platform.status(campaign)
    assert (found["stage"], found["counts"]["delivered"], found["counts"]["sent"]) == (2, 0, 5)
    assert [each for each in found["conditions"] if each["type"] == "Approved"] == [later]
    assert again.process.poll() is None
    assert again.events("reconcile_broke") == []


@pytest.mark.usefixtures("newer_crd")
def test_a_field_of_the_spec_that_it_does_not_know_is_said_and_nothing_starts(platform: Platform) -> None:
    platform.operator()
    resources = world()
    campaign = resources[-1]
    newer = {**campaign, "spec": {**campaign["spec"], "rollout": {"stages": 3}}}
    platform.apply(*resources[:-1], newer)
    message = platform.wait_reason(campaign, "Valid", "InvalidSpec")["message"]
    assert "spec.rollout: is not known here (it is not obeyed, and nothing starts: this operator is older" in message
    assert platform.runs() == []
    assert platform.api.get(campaign)["spec"]["rollout"] == {"stages": 3}


@pytest.mark.usefixtures("newer_crd")
def test_a_run_that_is_under_way_goes_on_and_can_be_braked_whatever_is_added_to_its_spec(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.merge(campaign, {"spec": {"rollout": {"stages": 3}}})
    platform.wait_reason(campaign, "Valid", "InvalidSpec")
    assert (platform.runs()[0].state, platform.runs()[0].suspended) == ("Open", False)
    platform.api.merge(campaign, {"spec": {"suspend": True}})
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")
    assert platform.runs()[0].suspended


def test_only_what_is_unknown_is_kept() -> None:
    before = {"state": "Armed", "run": {"id": 1, "x": 2}, "nextSendTime": "then", "y": [3], "conditions": []}
    status = {"state": "Sending", "run": {"id": 1, "occurrence": 1}, "conditions": []}
    kept = keep_unknown(status, before, CampaignStatus)
    assert kept == {"state": "Sending", "run": {"id": 1, "occurrence": 1, "x": 2}, "y": [3], "conditions": []}
