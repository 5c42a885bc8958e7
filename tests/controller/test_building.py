"""Audiences are built by Jobs: asked for once, whoever is killed, and it is said what stands in their way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from controller.platform import SENDERS, Object, Platform, named, world
from controller.test_events import wait_told
from controller.test_writes import writes
from herold.ledger.database import connect, one
from herold.settings import Settings
from herold_operator.deeds import request_build
from herold_operator.job_trouble import read_trouble
from herold_operator.jobs import build_audience_job, job_name
from herold_operator.pods import Platform as Place
from herold_operator.settings import OperatorSettings
from herold_operator.tasks import TaskView, ask_again_at, refusal_of
from parts.campaigns import small_campaign
from parts.jobs import container_status
from parts.kubernetes import wait_for
from parts.tasks import REQUESTED, task_view

# As kubectl deletes: the API alone would leave a Job to the garbage collector, which is not here.
AT_ONCE = "propagationPolicy=Background"
CREATING: Object = {"phase": "Pending"}


def stay(_: Object) -> Object:
    """A node that does not get to its pods."""
    return CREATING


def quick(_: Object) -> None:
    """A node that runs its pods at once."""


@contextmanager
def building_stands_still(platform: Platform) -> Iterator[None]:
    """Builds come as far as the rows of the audience, and wait there."""
    with connect(platform.url, autocommit=False) as other:
        other.execute("LOCK TABLE delivery IN SHARE MODE")
        yield
        other.rollback()


def wait_until_building(platform: Platform) -> None:
    query = "SELECT count(*) FROM pg_locks WHERE relation = 'herold.delivery'::regclass AND NOT granted"
    wait_for("a build that is at the rows", lambda: one(platform.connection, query)[0] > 0)


def created(platform: Platform, before: float) -> list[str]:
    """Names of the Jobs that the operator made since then."""
    requests = platform.api.requests(before)
    return [
        each["objectRef"].get("name", "")
        for each in requests
        if each["verb"] == "create"
        and each.get("objectRef", {}).get("resource") == "jobs"
        and each["responseStatus"]["code"] == 201
    ]


def test_a_job_builds_the_audience_and_meanwhile_the_campaign_says_so(platform: Platform) -> None:
    platform.node.may_run = stay
    platform.operator()
    campaign = platform.declare()
    said = platform.wait_reason(campaign, "Planned", "Building")["message"]
    wait_for("the pod", lambda: platform.node.attempts)
    (job,) = platform.node.jobs()
    assert job["metadata"]["name"] in said
    assert job["metadata"]["namespace"] == SENDERS
    assert platform.status(campaign)["state"] == "Building"
    assert platform.condition(campaign, "Degraded")["reason"] == "AsExpected"  # type: ignore[index]
    assert platform.runs() == []
    platform.node.may_run = quick
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    (run,) = platform.runs()
    assert (run.planned, run.waiting) == (5, 5)
    assert one(platform.connection, "SELECT actor FROM audit WHERE action = 'StartRun'") == ("herold-operator",)
    wait_for("the Job to be complete", lambda: platform.node.jobs()[0].get("status", {}).get("succeeded") == 1)


def test_a_pod_of_a_job_is_restricted_and_knows_no_relay(platform: Platform) -> None:
    resources = world()
    task = task_view()
    job = build_audience_job(task, Place.of(OperatorSettings(), Settings()), OperatorSettings())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert container["args"] == ["task", "run", "7"]
    assert [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each] == ["herold-key"]
    secrets = [each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"] if "valueFrom" in each]
    assert secrets == ["herold-database-builder"]
    # Strict: a field that the API server does not know is refused; so is a pod that is not `restricted`.
    platform.node.may_run = stay
    platform.api.apply(job)
    pod_of_it = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": SENDERS}, "spec": pod}
    platform.api.ask("POST", f"/api/v1/namespaces/{SENDERS}/pods?fieldValidation=Strict&dryRun=All", pod_of_it)
    assert str(resources[-1]["spec"]["message"]) not in str(job)


def test_an_operator_that_is_killed_when_it_has_written_the_task_leaves_one_job_and_one_run(platform: Platform) -> None:
    # As the ledger is when the operator is killed at that very line.
    resolved = small_campaign(schedule=due_now())
    task = request_build(platform.connection, resolved, None)
    assert isinstance(task, TaskView)
    assert request_build(platform.connection, resolved, None) == task
    before = platform.api.audited()
    platform.operator()
    campaign = platform.declare(schedule=due_now())
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert created(platform, before) == [job_name(task)]
    assert len(platform.runs()) == 1


def test_an_operator_that_is_killed_when_it_has_made_the_job_leaves_one_job_and_one_run(platform: Platform) -> None:
    platform.node.may_run = stay
    before = platform.api.audited()
    first = platform.operator(lease_seconds="3")
    campaign = platform.declare()
    wait_for("the Job", platform.node.jobs)
    first.stop(signal.SIGKILL)
    second = platform.operator(lease_seconds="3")
    platform.wait_reason(campaign, "Planned", "Building")
    platform.node.may_run = quick
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert len(created(platform, before)) == 1
    assert second.process.poll() is None
    assert len(platform.runs()) == 1


def test_two_operators_that_both_believe_they_lead_make_one_job_and_one_run(platform: Platform) -> None:
    before = platform.api.audited()
    platform.operator(lease_name="one")
    platform.operator(lease_name="other")
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert len(created(platform, before)) == 1
    assert len(platform.runs()) == 1
    assert one(platform.connection, "SELECT count(*), max(turn) FROM task") == (1, 1)


def test_a_job_that_is_killed_in_the_middle_leaves_nothing_and_the_next_pod_does_it(platform: Platform) -> None:
    platform.operator()
    resources = world()
    platform.apply(*resources[:-1])
    with building_stands_still(platform):
        platform.apply(resources[-1])
        wait_until_building(platform)
        victim = platform.node.attempts[0]
        platform.node.kill(victim)
        wait_for("the next pod", lambda: len(platform.node.attempts) > 1)
        assert platform.runs() == []
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen", 60)
    (run,) = platform.runs()
    assert run.planned == 5
    assert one(platform.connection, "SELECT count(*), count(DISTINCT address_hash) FROM delivery") == (5, 5)


def test_what_is_edited_suspended_or_deleted_while_it_is_built_is_obeyed(platform: Platform) -> None:
    platform.operator()
    resources = world(campaign={"repeatPolicy": "Allow"})
    campaigns = [named(resources[-1], name) for name in ("edited", "suspended", "deleted", "broken")]
    edited, suspended, deleted, broken = campaigns
    platform.apply(*resources[:-1])
    with building_stands_still(platform):
        platform.apply(*campaigns)
        for each in campaigns:
            platform.wait_reason(each, "Planned", "Building")
        wait_until_building(platform)
        platform.api.merge(edited, {"spec": {"audience": {"maxRecipients": 77}}})
        platform.api.merge(suspended, {"spec": {"suspend": True}})
        platform.api.delete(deleted)
        platform.api.merge(broken, {"spec": {"message": {"topic": "nothing"}}})
        query = "SELECT count(*) FROM task WHERE name IN ('deleted', 'broken') AND outcome ? 'withdrawn'"
        wait_for("two to be taken back", lambda: one(platform.connection, query) == (2,))
        query = "SELECT count(*) FROM task WHERE name = 'edited' AND turn = 2 OR name = 'suspended' AND suspended"
        wait_for("two to be changed", lambda: one(platform.connection, query) == (2,))
    platform.wait_reason(edited, "Planned", "AudienceFrozen", 60)
    platform.wait_reason(suspended, "Planned", "AudienceFrozen", 60)
    assert platform.wait_reason(suspended, "Suspended", "SpecSuspend")
    runs = {run.name: run for run in platform.runs()}
    assert sorted(runs) == ["edited", "suspended"]
    assert runs["suspended"].suspended
    # It never ran unsuspended: nobody had to suspend it.
    assert one(platform.connection, "SELECT count(*) FROM audit WHERE action = 'Suspend'") == (0,)
    query = "SELECT resolved #>> '{campaign,spec,audience,maxRecipients}' FROM run WHERE name = 'edited'"
    assert one(platform.connection, query) == ("77",)
    assert platform.condition(broken, "Valid")["reason"] == "InvalidSpec"  # type: ignore[index]


def test_a_job_that_a_quota_refuses_is_said_and_made_as_soon_as_there_is_room(platform: Platform) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": SENDERS},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    platform.api.apply(quota)
    # What the quota controller would write.
    status = {"status": {"hard": quota["spec"]["hard"], "used": {"count/jobs.batch": "0"}}}  # type: ignore[index]
    path = f"/api/v1/namespaces/{SENDERS}/resourcequotas/none/status"
    platform.api.ask("PATCH", path, status, kind="application/merge-patch+json")
    platform.operator(task_patience="2")
    campaign = platform.declare()
    condition = platform.wait_reason(campaign, "Degraded", "AudienceBuildFailed")
    assert "exceeded quota: none" in condition["message"]
    assert platform.status(campaign)["state"] == "Building"
    platform.api.delete(quota)
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.wait_reason(campaign, "Degraded", "AsExpected")
    assert len(platform.runs()) == 1


def test_a_job_that_vanished_is_made_again(platform: Platform) -> None:
    platform.node.may_run = stay
    platform.operator(task_patience="2")
    campaign = platform.declare()
    wait_for("the Job", platform.node.jobs)
    wait_for("its pod", lambda: platform.node.attempts)
    (job,) = platform.node.jobs()
    platform.api.ask("DELETE", f"/apis/batch/v1/namespaces/{SENDERS}/jobs/{job['metadata']['name']}?{AT_ONCE}")
    wait_for(
        "another",
        lambda: [each["metadata"]["uid"] for each in platform.node.jobs()] not in ([], [job["metadata"]["uid"]]),
    )
    platform.api.ask("DELETE", f"/api/v1/namespaces/{SENDERS}/pods?gracePeriodSeconds=0")
    platform.node.may_run = quick
    platform.wait_reason(campaign, "Planned", "AudienceFrozen", 60)
    assert len(platform.runs()) == 1


def test_an_image_that_is_missing_is_said_after_a_restart_too_without_a_write(platform: Platform) -> None:
    waiting = {"reason": "ErrImagePull", "message": "localhost/herold:dev: not found"}
    platform.node.may_run = lambda pod: {
        "phase": "Pending",
        "containerStatuses": [container_status(pod, {"waiting": waiting})],
    }
    first = platform.operator(task_patience="1", lease_seconds="3")
    campaign = platform.declare()
    message = platform.wait_reason(campaign, "Degraded", "AudienceBuildFailed")["message"]
    assert "has no image localhost/herold:dev (ErrImagePull: localhost/herold:dev: not found)" in message
    assert wait_told(platform, campaign, "AudienceBuildFailed")["type"] == "Warning"
    assert [each["reason"] for each in platform.told(campaign)].count("AudienceBuildFailed") == 1
    first.stop()
    before = platform.api.audited()
    second = platform.operator(task_patience="1", lease_seconds="3")
    wait_for("it to look at the pods", lambda: _asked(platform, before, "pods") >= 3)
    assert [each for each in writes(platform.api.requests(before)) if each[1] != "deployments"] == []
    platform.node.may_run = quick
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.wait_reason(campaign, "Degraded", "AsExpected")
    assert second.process.poll() is None


def _asked(platform: Platform, before: float, resource: str) -> int:
    return sum(each.get("objectRef", {}).get("resource") == resource for each in platform.api.requests(before))


def test_a_job_that_may_not_touch_the_ledger_says_why_and_is_made_again_once_it_is_deleted(platform: Platform) -> None:
    platform.node.environ = {"HEROLD_ENVIRONMENT": "staging"}
    platform.operator(task_patience="1")
    campaign = platform.declare()
    wanted = f"kubectl -n {SENDERS} delete job"
    wait_for(
        "what to do",
        lambda: wanted in platform.wait_reason(campaign, "Degraded", "AudienceBuildFailed")["message"],
    )
    condition = platform.condition(campaign, "Degraded")
    assert condition is not None
    assert "EnvironmentMismatch" in condition["message"]
    assert len(platform.node.attempts) == 1  # trying again is pointless until a person acts
    platform.node.environ = {}
    platform.api.ask("DELETE", f"/api/v1/namespaces/{SENDERS}/pods?gracePeriodSeconds=0")
    platform.api.ask("DELETE", f"/apis/batch/v1/namespaces/{SENDERS}/jobs?{AT_ONCE}")
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")


def test_many_audiences_wait_for_their_turn_and_the_first_due_comes_first(platform: Platform) -> None:
    platform.node.may_run = stay
    platform.operator(tasks_at_once="1")
    resources = world(campaign={"repeatPolicy": "Allow"})
    first = named(resources[-1], "first")
    rest = [named(resources[-1], f"later-{number}") for number in (3, 2, 1)]
    for number, each in zip((3, 2, 1), rest, strict=True):
        each["spec"] = {**each["spec"], "schedule": due_now(minutes=60 - number)}
    platform.apply(*resources[:-1], first)
    platform.wait_reason(first, "Planned", "Building")
    platform.apply(*rest)
    for each in rest:
        assert "waits for its turn" in platform.wait_reason(each, "Planned", "Building")["message"]
    assert len(platform.node.jobs()) == 1
    platform.node.may_run = quick
    for each in rest:
        platform.wait_reason(each, "Planned", "AudienceFrozen")
    order = platform.connection.execute("SELECT name FROM run ORDER BY created_at").fetchall()
    assert [row[0] for row in order] == ["first", "later-1", "later-2", "later-3"]


@pytest.mark.parametrize(
    ("job", "pod", "started", "reason", "words"),
    [
        ({}, None, False, "AudienceBuildLate", "has no pod: a quota or a policy"),
        (
            {},
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient memory."}]},
            *(False, "AudienceBuildLate", "0/1 nodes: Insufficient memory. Make room"),
        ),
        (
            *({}, {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}}}),
            *(False, "AudienceBuildFailed", 'secret "x" not found'),
        ),
        (
            *({}, {"state": {"waiting": {"reason": "ContainerCreating"}}}),
            *(False, "AudienceBuildLate", "A Secret that it mounts may be missing"),
        ),
        (
            *({}, {"phase": "Failed", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}),
            *(True, "AudienceBuildFailed", "raise HEROLD_OPERATOR_TASK_MEMORY"),
        ),
        (
            *({}, {"phase": "Failed", "state": {"terminated": {"exitCode": 5, "message": "no answer\n"}}}),
            *(True, "AudienceBuildLate", "exit code 5: no answer. It is tried again"),
        ),
        ({}, {"phase": "Running"}, True, "AudienceBuildLate", "is at it since 2026-01-01T00:00:00Z"),
        (
            {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "longer than specified"},
            *(None, True, "AudienceBuildFailed", "DeadlineExceeded: longer than specified"),
        ),
        (*({"type": "Complete", "status": "True"}, None, False, "AudienceBuildFailed", "its task 7 is not done"),),
    ],
)
def test_each_obstacle_is_named_with_what_to_do(
    job: Object, pod: Object | None, started: bool, reason: str, words: str
) -> None:
    task = task_view(started_at=datetime(2026, 1, 1, tzinfo=UTC) if started else None)
    metadata = {"name": "build-hello", "namespace": SENDERS, "creationTimestamp": "2026-01-01T00:00:00Z"}
    pods: list[Object] = []
    if pod is not None:
        state = pod.pop("state", None)
        status = {**pod, **({"containerStatuses": [{"name": "task", "image": "i", "state": state}]} if state else {})}
        pods = [{"metadata": metadata, "status": status}]
    trouble = read_trouble(task, {"metadata": metadata, "status": {"conditions": [job] if job else []}}, pods)
    assert trouble.reason == reason
    assert words in trouble.message


def test_a_refusal_that_may_pass_is_asked_about_less_and_less_often() -> None:
    waits = []
    for turn in (1, 2, 3, 4, 5, 6, 30):
        refused = {"refused": {"reason": "NobodyToReach", "message": "nobody", "hint": "look"}}
        task = task_view(turn=turn, finished_at=REQUESTED, outcome=refused)
        refusal = refusal_of(task, "d")
        assert refusal is not None
        again = ask_again_at(task, refusal)
        assert again is not None
        waits.append((again - REQUESTED) / timedelta(minutes=1))
    assert waits == [1, 2, 4, 8, 15, 15, 15]
    missed = task_view(
        finished_at=REQUESTED, outcome={"refused": {"reason": "StartMissed", "message": "late", "hint": None}}
    )
    refusal = refusal_of(missed, "d")
    assert refusal is not None
    assert ask_again_at(missed, refusal) is None
    assert refusal_of(missed, "another intent") is None


def test_names_of_jobs_are_labels_and_tell_turns_apart() -> None:
    names = {
        job_name(task_view()),
        job_name(task_view(turn=2)),
        job_name(task_view(name="hello~proof")),
        job_name(task_view(name="x" * 63, namespace="other")),
        job_name(task_view(id=8)),
    }
    assert len(names) == 5
    assert all(len(name) <= 63 and name.replace("-", "").isalnum() for name in names)


def due_now(minutes: int = 60) -> Object:
    return {"at": (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:00"), "timeZone": "UTC"}
