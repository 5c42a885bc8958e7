"""A day and an hour before its time a campaign says what would go wrong then, until it is mended; no start waits."""

from __future__ import annotations

import base64
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from controller.platform import SENDERS, TEAM, Object, Platform, named, world
from controller.test_building import CREATING, created, quick
from controller.test_events import wait_told
from controller.test_writes import writes
from herold.ledger.database import one
from herold.processes.tasks import run_task
from herold.settings import Settings
from herold_operator.events import plan_events
from herold_operator.jobs import build_preflight_job
from herold_operator.judging import Verdict
from herold_operator.outlook import Outlook, look_out, preflight_digest
from herold_operator.pods import Platform as Place
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import LedgerState
from herold_operator.tasks import TaskView
from parts.campaigns import small_campaign
from parts.certificates import make_certificates
from parts.jobs import container_status
from parts.kubernetes import wait_for
from parts.name_server import name_server
from parts.people import KEY
from parts.smtp_sink import SmtpSink, smtp_sink
from parts.tasks import task_view
from parts.webhook_receiver import webhook_receiver

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TIME = datetime(2026, 12, 1, 9, tzinfo=UTC)


def due_in(wait: timedelta) -> Object:
    return {"at": (datetime.now(UTC) + wait).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def with_time(campaign: Object, wait: timedelta) -> Object:
    return {**campaign, "spec": {**campaign["spec"], "schedule": due_in(wait)}}


def lead(platform: Platform, resources: list[Object], **settings: str) -> None:
    """An operator that is at work, and has seen all but the campaign: its time may be near then."""
    platform.operator(**settings)
    platform.apply(*resources[:-1])
    for each in resources[:-1]:
        platform.wait_reason(each, "Valid", "Accepted")


def closed_port() -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        return int(other.getsockname()[1])


def secret(name: str, **data: str) -> Object:
    encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SENDERS}, "data": encoded}


@contextmanager
def secrets(platform: Platform, *items: Object) -> Iterator[None]:
    platform.apply(*items)
    try:
        yield
    finally:
        for item in items:
            platform.api.delete(item)


def preflights(platform: Platform) -> list[tuple[Any, ...]]:
    """(campaign, turn, done, findings by what) of those that were asked for."""
    query = """SELECT name, turn, finished_at IS NOT NULL, jsonb_path_query_array(outcome, '$.findings[*].what')
               FROM task WHERE kind = 'Preflight' ORDER BY name"""
    return platform.connection.execute(query).fetchall()


def reasons(platform: Platform, item: Object) -> list[str]:
    return [each["reason"] for each in platform.told(item)]


def never_preflights(pod: Object) -> Object | None:
    """A node that has no room for them."""
    return CREATING if pod["metadata"]["labels"]["app.kubernetes.io/name"] == "herold-preflight" else None


@contextmanager
def relay_with_login(folder: Path) -> Iterator[tuple[SmtpSink, str, str]]:
    """A relay that wants TLS and a login; its authority's certificate, and the password."""
    served, password = make_certificates(folder / "tls"), "right-horse"
    (folder / "login").write_text(f"shop:{password}\n")
    options = ("--tls-cert", str(served.certificate), "--tls-key", str(served.key), "--auth", str(folder / "login"))
    with smtp_sink(folder / "sink.log", *options) as sink:
        yield sink, served.authority.read_text(), password


def test_a_wrong_password_is_said_before_its_time_and_no_longer_once_it_is_mended(
    platform: Platform, tmp_path: Path
) -> None:
    with (
        relay_with_login(tmp_path) as (sink, authority, password),
        secrets(platform, secret("relay", username="shop", password="wrong"), secret("relay-ca", ca_crt=authority)),
    ):
        platform.operator(preflight_again="1")
        route = {
            **{"host": "localhost", "port": sink.port, "tls": "StartTls"},
            **{"caRef": {"name": "relay-ca"}, "credentialsRef": {"name": "relay"}},
        }
        campaign = platform.declare(schedule=due_in(2 * HOUR), sender={"route": route})
        message = platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")["message"]
        assert message.startswith("Pre-flight found one thing that would go wrong at its time. LoginRefused: localhost")
        assert message.endswith(
            "To do: put the right username and password into the Secret relay in the workers' namespace."
        )
        assert "wrong" not in message.replace("go wrong", "")
        assert platform.status(campaign)["state"] == "Scheduled"
        wait_told(platform, campaign, "PreflightFoundTrouble")
        before, turn = platform.api.audited(), preflights(platform)[0][1]
        wait_for("two more looks", lambda: preflights(platform)[0][1] >= turn + 2, 60)
        written = [each for each in writes(platform.api.requests(before)) if each[1] not in ("jobs", "deployments")]
        assert written == []
        warnings = [each for each in platform.told(campaign) if each["reason"] == "PreflightFoundTrouble"]
        assert [(each["type"], each["count"]) for each in warnings] == [("Warning", 1)]
        platform.apply(secret("relay", username="shop", password=password))
        platform.wait_reason(campaign, "Degraded", "AsExpected")
        assert "Pre-flight found nothing at" in platform.wait_reason(campaign, "Planned", "Scheduled")["message"]
        wait_for("the Event", lambda: reasons(platform, campaign)[-1] == "PreflightClear")
        assert platform.runs() == []
        assert sink.accepted() == []


def test_a_key_that_is_not_published_is_said_before_its_time_and_no_longer_once_it_is(
    platform: Platform, tmp_path: Path
) -> None:
    """The Jobs' work is done by the test itself: a name server of its own has another port than a pod would ask."""
    platform.node.may_run = never_preflights
    key = rsa.generate_private_key(65_537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, file, content in (("dkim-shop", "tls.key", pem), ("herold-key", "key", KEY)):
        (tmp_path / "mounted" / name).mkdir(parents=True)
        (tmp_path / "mounted" / name / file).write_bytes(content)
    settings = platform.settings.model_copy(update={"secrets_dir": tmp_path / "mounted"})
    signs = {"domain": "shop.internal", "selector": "s1", "keyRef": {"name": "dkim-shop"}}
    campaign = {"repeatPolicy": "Allow"}
    with (
        name_server() as names,
        webhook_receiver() as receiver,
        smtp_sink(tmp_path / "sink.log") as sink,
    ):
        platform.declare_receiver(receiver.file)
        platform.operator(preflight_again="1")
        resources = world(port=sink.port, schedule=due_in(2 * HOUR), sender={"dkim": [signs]}, campaign=campaign)

        def now(name: str) -> Object:
            """A condition, after what is asked for was done."""
            asked = "SELECT id, turn FROM task WHERE kind = 'Preflight' AND finished_at IS NULL"
            for task, turn in platform.connection.execute(asked).fetchall():
                run_task(settings, task, turn, names.resolver(0.5 if names.is_silent else 20))
            return platform.condition(resources[-1], name) or {"reason": "", "message": ""}

        def degraded(reason: str) -> Object | None:
            found = now("Degraded")
            return found if found["reason"] == reason else None

        platform.apply(*resources)
        message = wait_for("the finding", lambda: degraded("PreflightFoundTrouble"))["message"]
        assert "DkimKeyNotPublished: s1._domainkey.shop.internal: no TXT record is there" in message
        assert "DkimKeyNotPublished" in wait_told(platform, resources[-1], "PreflightFoundTrouble")["message"]
        told = wait_for("the notice", lambda: receiver.told("campaign.preflight_found"))
        assert [each.data["reason"] for each in told] == ["DkimKeyNotPublished"]
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        names.records["s1._domainkey.shop.internal"] = [f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"]
        wait_for("it to be well", lambda: degraded("AsExpected"), 60)
        wait_for("the Event", lambda: "PreflightClear" in reasons(platform, resources[-1]))
        wait_for("the notice", lambda: receiver.told("campaign.preflight_clear"))
        names.is_silent = True
        platform.api.merge(resources[-1], {"spec": {"audience": {"maxRecipients": 77}}})

        said = " Not known: s1._domainkey.shop.internal: no name server answered in time."
        wait_for("it to say what it does not know", lambda: now("Planned")["message"].endswith(said), 60)
        platform.wait_reason(resources[-1], "Degraded", "AsExpected")
        assert platform.runs() == []


def test_every_finding_is_said_and_a_secret_that_is_missing_is_one_of_them(platform: Platform) -> None:
    platform.operator()
    route = {"host": "localhost", "port": 1, "tls": "StartTls", "credentialsRef": {"name": "nowhere"}}
    key = {"domain": "shop.example", "selector": "s1", "keyRef": {"name": "nowhere-either"}}
    most = {"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 1}}
    campaign = platform.declare(schedule=due_in(2 * HOUR), sender={"route": route, "dkim": [key]}, campaign=most)
    message = platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")["message"]
    for words in (
        "found 4 things",
        "TooManyRecipients: 5 people",
        "nowhere/username",
        "nowhere/password",
        "nowhere-ei",
    ):
        assert words in message
    assert "TooManyRecipients" in wait_told(platform, campaign, "PreflightFoundTrouble")["message"]
    assert reasons(platform, campaign).count("PreflightFoundTrouble") == 1


def test_it_looks_a_day_and_an_hour_before_and_says_when(platform: Platform, tmp_path: Path) -> None:
    with smtp_sink(tmp_path / "sink.log") as sink:
        resources = world(port=sink.port, campaign={"repeatPolicy": "Allow"})
        lead(platform, resources)
        soon = timedelta(seconds=12)
        day, hour, week = (named(resources[-1], name) for name in ("day", "hour", "week"))
        waits = ((day, 24 * HOUR + soon), (hour, HOUR + soon), (week, 168 * HOUR))
        day, hour, week = (with_time(each, wait) for each, wait in waits)
        platform.apply(week, day, hour)
        at = datetime.fromisoformat(week["spec"]["schedule"]["at"]) - 24 * HOUR
        message = platform.wait_reason(week, "Planned", "Scheduled")["message"]
        assert message.endswith(f"Pre-flight is due at {at:%Y-%m-%dT%H:%M:%SZ}.")
        platform.wait_reason(day, "Planned", "Scheduled")
        assert [each[:2] for each in preflights(platform) if each[0] != "hour"] == []
        wait_for("the first look", lambda: ("hour", 1, True, []) in preflights(platform))
        wait_for("both checkpoints", lambda: preflights(platform) == [("day", 1, True, []), ("hour", 2, True, [])])

        def said() -> bool:
            message = platform.wait_reason(hour, "Planned", "Scheduled")["message"]
            return "Pre-flight found nothing at" in message and "the next" not in message

        wait_for("it to say so", said)
        wait_for(
            "the other to name its next",
            lambda: "; the next is at" in platform.wait_reason(day, "Planned", "Scheduled")["message"],
        )
        for each in (day, hour, week):
            assert platform.condition(each, "Degraded")["reason"] == "AsExpected"  # type: ignore[index]
        assert platform.runs() == []


def test_no_start_waits_for_a_pre_flight_that_can_not_run_and_it_is_said_why(platform: Platform) -> None:
    platform.node.may_run = never_preflights
    resources = world()
    lead(platform, resources, task_patience="1")
    campaign = with_time(resources[-1], 15 * MINUTE + timedelta(seconds=12))
    platform.apply(campaign)
    message = platform.wait_reason(campaign, "Degraded", "PreflightFailed")["message"]
    assert "herold-senders/preflight-hello-" in message
    wait_for("the Event", lambda: "PreflightFailed" in reasons(platform, campaign))
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    (run,) = platform.runs()
    assert run.planned == 5


def test_what_was_found_is_said_until_it_begins_also_when_the_audience_is_frozen(
    platform: Platform, tmp_path: Path
) -> None:
    resources = world(port=closed_port())
    lead(platform, resources, preflight_again="1")
    campaign = with_time(resources[-1], 15 * MINUTE + timedelta(seconds=12))
    platform.apply(campaign)
    platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert "RelayAway" in platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")["message"]
    assert "PreflightClear" not in reasons(platform, campaign)
    other = closed_port()
    platform.api.merge(resources[1], {"spec": {"route": {"port": other}}})
    wait_for(
        "the other port",
        lambda: f":{other}:" in platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")["message"],
    )
    assert "PreflightClear" not in reasons(platform, campaign)
    with smtp_sink(tmp_path / "sink.log") as sink:
        platform.api.merge(resources[1], {"spec": {"route": {"port": sink.port}}})
        platform.wait_reason(campaign, "Degraded", "AsExpected")
        wait_for("the Event", lambda: "PreflightClear" in reasons(platform, campaign))


def test_proofs_and_what_is_accepted_too_late_get_none_and_what_is_suspended_gets_one(platform: Platform) -> None:
    platform.operator()
    seeds = {"seeds": [{"address": "seed@example.com"}]}
    resources = world(schedule=due_in(2 * HOUR), sender=seeds, campaign={"repeatPolicy": "Allow"})
    proof, late, held = (named(resources[-1], name) for name in ("proof", "late", "held"))
    proof["spec"] = {**proof["spec"], "mode": "Proof"}
    late = with_time(late, 10 * MINUTE)
    held["spec"] = {**held["spec"], "suspend": True}
    platform.apply(*resources[:-1], proof, late, held)
    platform.wait_reason(proof, "Planned", "AudienceFrozen", 60)
    platform.wait_reason(late, "Planned", "AudienceFrozen", 60)
    platform.wait_reason(held, "Degraded", "PreflightFoundTrouble", 60)
    assert [each[0] for each in preflights(platform)] == ["held"]


def test_an_edit_asks_anew_and_until_then_what_was_found_holds(platform: Platform, tmp_path: Path) -> None:
    platform.operator()
    resources = world(port=closed_port(), schedule=due_in(2 * HOUR))
    campaign = resources[-1]
    platform.apply(*resources)
    platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")
    (digest,) = one(platform.connection, "SELECT digest FROM task")
    platform.node.may_run = never_preflights
    platform.api.merge(campaign, {"spec": {"audience": {"maxRecipients": 77}}})
    wait_for("it to be asked", lambda: one(platform.connection, "SELECT digest FROM task") != (digest,))
    platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")
    platform.node.may_run = quick
    with smtp_sink(tmp_path / "sink.log") as sink:
        platform.api.merge(resources[1], {"spec": {"route": {"port": sink.port}}})
        platform.wait_reason(campaign, "Degraded", "AsExpected")
        assert [each[1:] for each in preflights(platform)] == [(3, True, [])]
    wait_for("the Event", lambda: "PreflightClear" in reasons(platform, campaign))
    assert reasons(platform, campaign).count("PreflightFoundTrouble") == 1
    platform.api.merge(campaign, {"spec": {"schedule": due_in(168 * HOUR)}})
    assert "Pre-flight is due at" in platform.wait_reason(campaign, "Planned", "Scheduled")["message"]


def test_whoever_is_killed_there_is_one_job_for_each_look_and_one_that_is_deleted_is_looked_at_no_more(
    platform: Platform,
) -> None:
    platform.node.may_run = never_preflights
    before = platform.api.audited()
    first = platform.operator(lease_seconds="3")
    campaign = platform.declare(port=closed_port(), schedule=due_in(2 * HOUR))
    wait_for("the Job", platform.node.jobs)
    first.stop(signal.SIGKILL)
    platform.operator(lease_seconds="3")
    platform.operator(lease_name="other")
    platform.node.may_run = quick
    platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")
    assert len(created(platform, before)) == 1
    platform.node.may_run = never_preflights
    platform.api.merge(campaign, {"spec": {"audience": {"maxRecipients": 77}}})
    wait_for("another look", lambda: preflights(platform)[0][2] is False)
    platform.api.delete(campaign)
    withdrawn = "SELECT outcome FROM task WHERE kind = 'Preflight'"
    wait_for("it to be taken back", lambda: one(platform.connection, withdrawn) == ({"withdrawn": True},))


def test_many_wait_for_their_turn_and_all_get_it(platform: Platform) -> None:
    platform.node.may_run = never_preflights
    resources = world(port=closed_port())
    lead(platform, resources, tasks_at_once="1")
    campaigns = [with_time(named(resources[-1], f"number-{number}"), 2 * HOUR) for number in range(4)]
    before = platform.api.audited()
    platform.apply(*campaigns)
    for each in campaigns:
        platform.wait_reason(each, "Planned", "Scheduled")
    wait_for("the first", lambda: len(preflights(platform)) == 1)
    assert [each[2] for each in preflights(platform)] == [False]
    platform.node.may_run = quick
    for each in campaigns:
        platform.wait_reason(each, "Degraded", "PreflightFoundTrouble", 60)
    assert len(created(platform, before)) == 4


def test_an_image_that_is_missing_is_said_and_the_look_is_made_once_it_is_there(platform: Platform) -> None:
    waiting = {"reason": "ErrImagePull", "message": "localhost/herold:dev: not found"}
    platform.node.may_run = lambda pod: {
        "phase": "Pending",
        "containerStatuses": [container_status(pod, {"waiting": waiting})],
    }
    platform.operator(task_patience="1")
    campaign = platform.declare(port=closed_port(), schedule=due_in(2 * HOUR))
    message = platform.wait_reason(campaign, "Degraded", "PreflightFailed")["message"]
    assert "has no image localhost/herold:dev" in message
    assert platform.status(campaign)["state"] == "Scheduled"
    platform.node.may_run = quick
    platform.wait_reason(campaign, "Degraded", "PreflightFoundTrouble")


def test_a_pod_that_looks_ahead_is_restricted_and_has_what_its_sender_needs(platform: Platform) -> None:
    route = {"host": "relay.example", "caRef": {"name": "relay-ca"}, "credentialsRef": {"name": "relay"}}
    key = {"domain": "shop.example", "selector": "s1", "keyRef": {"name": "dkim-shop"}}
    resolved = small_campaign(sender={"route": route, "dkim": [key]})
    task = task_view(kind="Preflight", turn=3)
    platform.node.may_run = lambda pod: CREATING
    job = build_preflight_job(task, resolved.sender, Place.of(OperatorSettings(), Settings()), OperatorSettings())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == ["task", "run", "7", "--turn", "3"]
    mounted = {each["secret"]["secretName"]: each["secret"] for each in pod["volumes"] if "secret" in each}
    assert sorted(mounted) == ["dkim-shop", "herold-key", "relay", "relay-ca"]
    assert all(each["optional"] is True for each in mounted.values())
    assert all(each["readOnly"] for each in container["volumeMounts"] if each["name"].startswith("secret-"))
    assert job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "herold-preflight"
    platform.api.apply(job)
    pod_of_it = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": SENDERS}, "spec": pod}
    platform.api.ask("POST", f"/api/v1/namespaces/{SENDERS}/pods?fieldValidation=Strict&dryRun=All", pod_of_it)


# Which look is due: pure ---------------------------------------------------------------------------------------------


def outlook(now: datetime, task: TaskView | None = None, run: Any = None, **spec: Any) -> Outlook:
    """Of a campaign at `TIME`, seen at `now`."""
    resolved = small_campaign(campaign=spec)
    verdict = Verdict((), False, resolved.campaign, resolved, resolved.intent_digest())
    ledger = LedgerState(now, "1", 1, None, None)
    return look_out(verdict, run, task, ledger, OperatorSettings(), TIME - 15 * MINUTE)


@pytest.mark.parametrize(
    ("before", "is_due", "checkpoint", "next_at"),
    [
        (168 * HOUR, False, 24 * HOUR, 24 * HOUR),
        (24 * HOUR + MINUTE, False, 24 * HOUR, 24 * HOUR),
        (24 * HOUR, True, 24 * HOUR, HOUR),
        (HOUR + MINUTE, True, 24 * HOUR, HOUR),
        (HOUR, True, HOUR, None),
        (15 * MINUTE + timedelta(seconds=1), True, HOUR, None),
        (15 * MINUTE, False, None, None),
        (-HOUR, False, None, None),
    ],
)
def test_checkpoints_are_a_day_and_an_hour_before_and_none_once_the_audience_freezes(
    before: timedelta, is_due: bool, checkpoint: timedelta | None, next_at: timedelta | None
) -> None:
    found = outlook(TIME - before)
    assert found.is_due == is_due
    assert found.checkpoint == (TIME - checkpoint if checkpoint is not None else None)
    assert found.next_at == (TIME - next_at if next_at is not None else None)
    assert outlook(TIME - before, mode="Proof") == Outlook()


def looked(now: datetime, before: timedelta = 24 * HOUR, turn: int = 1, *found: str) -> TaskView:
    resolved = small_campaign()
    findings = [{"what": each, "message": "m", "hint": "h"} for each in found]
    return task_view(
        kind="Preflight",
        turn=turn,
        finished_at=now,
        digest=preflight_digest(resolved.intent_digest(), resolved, before=before),
        outcome={"findings": findings, "people": 5},
    )


def test_what_was_found_is_looked_at_again_and_what_is_well_is_not() -> None:
    now = TIME - 10 * HOUR
    assert not outlook(now, looked(now - 9 * HOUR)).is_due
    waits = [outlook(now, looked(now, 24 * HOUR, turn, "RelayAway")).next_at for turn in (1, 2, 3, 5, 30)]
    assert [(each - now) / MINUTE for each in waits if each is not None] == [1, 2, 4, 15, 15]
    assert outlook(now, looked(now - MINUTE, 24 * HOUR, 1, "RelayAway")).is_due
    assert not outlook(now, looked(now - MINUTE / 2, 24 * HOUR, 1, "RelayAway")).is_due
    assert outlook(TIME - HOUR, looked(TIME - 2 * HOUR)).is_due  # the next checkpoint
    assert outlook(now, looked(now), audience={"segmentRefs": [{"name": "everybody"}], "maxRecipients": 7}).is_due


def test_once_the_audience_is_frozen_only_what_was_found_is_looked_at_again() -> None:
    now = TIME - 5 * MINUTE
    assert outlook(now, looked(now - HOUR, HOUR)).is_due is False
    assert outlook(now, looked(now - HOUR, HOUR, 1, "RelayAway")).is_due
    assert outlook(now).is_due is False
    edited = {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 7}
    assert outlook(now, looked(now - HOUR, HOUR), audience=edited) == Outlook()
    assert outlook(now, looked(now - HOUR, HOUR, 1, "RelayAway"), audience=edited).is_due


def test_clear_is_told_of_what_is_mended_and_not_of_what_comes_true() -> None:
    def status(reason: str, state: str) -> Object:
        return {
            "state": state,
            "conditions": [{"type": "Degraded", "reason": reason, "message": "m", "observedGeneration": 1}],
        }

    before = status("PreflightFoundTrouble", "Scheduled")
    for reason, state, told in (
        *(("AsExpected", "Scheduled", True), ("AsExpected", "Armed", True), ("AsExpected", "Sending", False)),
        *(("NobodyToReach", "Refused", False), ("PreflightFailed", "Scheduled", False)),
    ):
        events = plan_events(("Campaign", TEAM, "hello"), "", before, status(reason, state))
        assert ("PreflightClear" in [each.reason for each in events]) == told, (reason, state)
