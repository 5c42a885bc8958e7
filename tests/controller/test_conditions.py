"""Each condition tells the truth, and says what to do."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.platform import Platform, named, world
from parts.kubernetes import wait_for
from parts.smtp_sink import smtp_sink


def test_what_is_wrong_is_named_and_mending_what_is_named_is_noticed(platform: Platform) -> None:
    platform.operator()
    schema, sender, template, segment, campaign = world(campaign={"suspend": True})
    platform.apply(schema, sender, segment, campaign)  # the template is missing
    message = platform.wait_reason(campaign, "Valid", "ReferenceNotFound")["message"]
    assert "spec.message.templateRef.name: MessageTemplate hello does not exist in namespace campaigns-shop" in message
    assert platform.wait_reason(campaign, "Degraded", "NotAccepted")["status"] == "True"
    assert platform.status(campaign)["state"] == "Suspended"

    broken = {**template["spec"]["contents"][0], "text": "Hello {{ contact.frist_name }} {{ unsubscribe_url }}"}
    platform.apply({**template, "spec": {**template["spec"], "contents": [broken]}})
    assert "frist_name" in platform.wait_reason(campaign, "Valid", "InvalidSpec")["message"]

    platform.apply(template)
    platform.wait_reason(campaign, "Valid", "Accepted")
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.wait_reason(campaign, "Degraded", "AsExpected")
    assert len(platform.runs()) == 1


def test_a_brake_holds_although_the_spec_is_wrong(platform: Platform) -> None:
    platform.operator()
    resources = world()
    campaign = resources[-1]
    platform.apply(*resources)
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.delete(resources[2])
    platform.wait_reason(campaign, "Valid", "ReferenceNotFound")
    platform.api.merge(campaign, {"spec": {"suspend": True}})
    wait_for("the run to be suspended", lambda: platform.runs()[0].suspended)
    platform.wait_reason(campaign, "Suspended", "SpecSuspend")


def test_a_frozen_field_that_is_edited_is_reported_and_not_obeyed(platform: Platform) -> None:
    platform.operator()
    resources = world(campaign={"suspend": True})
    campaign, template = resources[-1], resources[2]
    platform.apply(*resources)
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    content = {**template["spec"]["contents"][0], "subject": "Another subject"}
    platform.apply({**template, "spec": {**template["spec"], "contents": [content]}})
    condition = platform.wait_reason(campaign, "Degraded", "FrozenFieldChanged")
    assert "template.spec.contents" in condition["message"]
    platform.apply(template)
    platform.wait_reason(campaign, "Degraded", "AsExpected")
    assert len(platform.runs()) == 1


def test_a_changed_spec_of_a_campaign_that_is_over_sends_to_nobody_until_its_occurrence_grows(
    platform: Platform, tmp_path: Path
) -> None:
    platform.operator()
    with smtp_sink(tmp_path / "sink.log") as sink:
        campaign = platform.declare(port=sink.port, campaign={"repeatPolicy": "Allow"})
        worker = platform.worker()
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
            platform.api.merge(campaign, {"spec": {"audience": {"maxRecipients": 77}}})
            condition = platform.wait_reason(campaign, "Degraded", "AlreadyRan")
            assert "write occurrence: 2" in condition["message"]
            assert platform.status(campaign)["state"] == "Completed"
            assert len(sink.accepted()) == 5
            platform.api.merge(campaign, {"spec": {"occurrence": 2}})
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
            assert platform.wait_reason(campaign, "Degraded", "AsExpected")
            assert platform.status(campaign)["run"]["occurrence"] == 2
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(30)
        assert len(sink.accepted()) == 10


def test_a_campaign_that_could_not_start_in_time_says_so_and_sends_nothing(platform: Platform) -> None:
    platform.operator()
    late = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S")
    campaign = platform.declare(schedule={"at": late})
    assert "should have started by" in platform.wait_reason(campaign, "Degraded", "StartMissed")["message"]
    assert platform.wait_reason(campaign, "Planned", "NotPlanned")["status"] == "False"
    assert platform.status(campaign)["state"] == "Refused"
    assert platform.runs() == []


def test_a_campaign_with_too_many_recipients_does_not_start_and_one_of_next_week_waits(platform: Platform) -> None:
    platform.operator()
    resources = world()
    bounded = named(resources[-1], "bounded")
    bounded["spec"] = {**bounded["spec"], "audience": {**bounded["spec"]["audience"], "maxRecipients": 2}}
    at = (datetime.now(UTC) + timedelta(days=7)).replace(microsecond=0)
    later = named(resources[-1], "later")
    later["spec"] = {**later["spec"], "schedule": {"at": at.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}}
    platform.apply(*resources[:-1], bounded, later)
    message = platform.wait_reason(bounded, "Degraded", "TooManyRecipients")["message"]
    assert "would reach 5 people, spec.audience.maxRecipients is 2" in message
    freezes = at - timedelta(minutes=15)
    assert freezes.strftime("%Y-%m-%dT%H:%M:%SZ") in platform.wait_reason(later, "Planned", "Scheduled")["message"]
    assert platform.status(later)["state"] == "Scheduled"
    assert platform.status(later)["nextSendTime"] == at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert platform.runs() == []
