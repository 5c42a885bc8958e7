"""Health as Argo CD shows it, by the very scripts that it runs. Its Lua is 5.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

FOLDER = Path(__file__).resolve().parents[2] / "gitops" / "bootstrap" / "argocd"
KINDS = ("CampaignApproval", "Segment", "MessageTemplate", "SenderProfile", "ContactSchema")
Conditions = dict[str, tuple[str, str]]


def health(script: str, item: dict[str, Any]) -> tuple[str, str]:
    """Status and message that a script gives for a resource."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals().obj = _table(lua, item)
    found = lua.execute((FOLDER / "health" / script).read_text(encoding="utf-8"))
    return found["status"], found["message"]


def _table(lua: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({name: _table(lua, each) for name, each in value.items()})
    if isinstance(value, list):
        return lua.table_from([_table(lua, each) for each in value])
    return value


def resource(conditions: Conditions, *, generation: int = 3, observed: int | None = 3) -> dict[str, Any]:
    """A resource whose conditions are `type -> (status, reason)`, judged at generation `observed`."""
    metadata = {"name": "x", "generation": generation}
    if observed is None:
        return {"metadata": metadata}
    listed = [
        {"type": kind, "status": status, "reason": reason, "message": "words", "observedGeneration": observed}
        for kind, (status, reason) in conditions.items()
    ]
    return {"metadata": metadata, "status": {"observedGeneration": observed, "conditions": listed}}


VALID: Conditions = {"Valid": ("True", "Accepted"), "Degraded": ("False", "AsExpected")}
FREE: Conditions = {**VALID, "Suspended": ("False", "NotSuspended")}
BROKEN: Conditions = {
    "Valid": ("False", "InvalidSpec"),
    "Suspended": ("True", "Held"),
    "Degraded": ("True", "NotAccepted"),
}


@pytest.mark.parametrize(
    ("conditions", "status", "reason"),
    [
        ({**FREE, "Planned": ("True", "Scheduled")}, "Healthy", "Scheduled"),
        ({**FREE, "Planned": ("True", "Building")}, "Healthy", "Building"),
        ({**FREE, "Planned": ("True", "AudienceFrozen"), "Progressing": ("True", "Armed")}, "Healthy", "Armed"),
        ({**FREE, "Progressing": ("True", "Sending"), "Completed": ("False", "NotYet")}, "Healthy", "Sending"),
        ({**FREE, "Completed": ("True", "EverybodySettled")}, "Healthy", "EverybodySettled"),
        ({**FREE, "Completed": ("True", "Stopped")}, "Healthy", "Stopped"),
        ({**VALID, "Suspended": ("True", "Held")}, "Suspended", "Held"),
        ({**VALID, "Suspended": ("True", "SpecSuspend")}, "Suspended", "SpecSuspend"),
        ({**FREE, "Degraded": ("True", "StartMissed")}, "Degraded", "StartMissed"),
        ({**FREE, "Degraded": ("True", "FrozenFieldChanged")}, "Degraded", "FrozenFieldChanged"),
        # It waits for a person, as behind a brake.
        ({**FREE, "Planned": ("False", "ApprovalMissing")}, "Suspended", "ApprovalMissing"),
        (
            {**FREE, "Planned": ("False", "ApprovalMissing"), "Degraded": ("True", "StartMissed")},
            "Degraded",
            "StartMissed",
        ),
        # A brake on what runs is what somebody wants, whatever else is out of order.
        (
            {**VALID, "Suspended": ("True", "Held"), "Degraded": ("True", "WorkersMissing")},
            "Suspended",
            "Held",
        ),
        (BROKEN, "Degraded", "InvalidSpec"),
        ({**FREE, "Valid": ("Unknown", "LedgerUnavailable")}, "Progressing", "LedgerUnavailable"),
    ],
)
def test_a_campaign_is_healthy_when_it_does_what_it_declares(conditions: Conditions, status: str, reason: str) -> None:
    found, message = health("Campaign.lua", resource(conditions))
    assert (found, message) == (status, f"{reason}: words")


@pytest.mark.parametrize("script", ["Campaign.lua", "accepted.lua"])
@pytest.mark.parametrize("observed", [None, 2])
def test_what_was_said_of_an_older_version_counts_for_nothing(script: str, observed: int | None) -> None:
    for conditions in (FREE, BROKEN):
        found, message = health(script, resource(conditions, observed=observed))
        assert found == "Progressing"
        assert "has not judged this version yet" in message


@pytest.mark.parametrize(
    ("valid", "status"),
    [
        (("True", "Accepted"), "Healthy"),
        (("False", "ReferenceNotFound"), "Degraded"),
        (("Unknown", "LedgerUnavailable"), "Progressing"),
    ],
)
def test_the_other_kinds_are_healthy_when_nothing_is_wrong_with_them(valid: tuple[str, str], status: str) -> None:
    found, message = health("accepted.lua", resource({"Valid": valid}))
    assert found == status
    assert "words" in message


def test_each_kind_has_a_script() -> None:
    declared = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    (generator,) = declared["configMapGenerator"]
    scripts = dict(each.split("=") for each in generator["files"])
    prefix = "resource.customizations.health.herold.dev_"
    expected = {f"{prefix}Campaign": "health/Campaign.lua"} | {
        f"{prefix}{kind}": "health/accepted.lua" for kind in KINDS
    }
    assert scripts == expected
