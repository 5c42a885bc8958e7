"""What fails while a campaign runs, on the real cluster. Not collected by default: needs root.

make e2e

Campaigns go slowly while something is done to them, and fast afterwards: nothing has to happen within a time.
"""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from local.cluster.database import OWN
from local.cluster.herold import OPERATOR
from local.cluster.layout import DATA_NAMESPACE, NODE, PLATFORM_NAMESPACE
from local.cluster.platform import HEROLD_IMAGE
from local.cluster.progress import wait_until

from e2e import machine
from e2e.cluster import Cluster
from e2e.delivery import healing_nothing
from e2e.operators import leader, no_operator
from e2e.people import TEAM, Crowd, Item
from e2e.pods import run_herold

Gather = Callable[[int], Crowd]
SLOWLY, FAST = 8, 400
OPERATORS = ("-n", PLATFORM_NAMESPACE, "-l", f"app.kubernetes.io/name={OPERATOR}")
DATABASE = ("-n", DATA_NAMESPACE, "-l", "app.kubernetes.io/name=postgres")
STOPS_WITHIN = 2.0


def renewed(cluster: Cluster) -> datetime:
    """When a leader said last that it leads."""
    lease = cluster.kubectl.get("lease", OPERATOR, "-n", PLATFORM_NAMESPACE)
    assert lease is not None
    return datetime.fromisoformat(lease["spec"]["renewTime"])


def goes_on(cluster: Cluster, crowd: Crowd, *, by: int = 20) -> None:
    """Until more mails come than those that are there."""
    before = len(cluster.accepted(crowd))
    assert before + by < crowd.count, "it is to be harmed while it runs"
    cluster.wait_accepted(crowd, before + by)


def ends_well(cluster: Cluster, crowd: Crowd) -> None:
    """To the end: everybody got it once, and nobody is uncertain."""
    assert len(cluster.accepted(crowd)) < crowd.count, "it was over before it was harmed"
    cluster.pace(crowd, FAST)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled", seconds=300)
    recipients = cluster.recipients(crowd)
    counts = cluster.status(crowd)["counts"]
    lost = len(crowd.addresses - set(recipients))
    print(f"\n{crowd.count} people: lost {lost}, twice {recipients.total() - len(recipients)}, {counts}")
    assert recipients == Counter(crowd.addresses)
    assert (counts["sent"], counts["uncertain"]) == (crowd.count, 0)


def test_kubelet_and_operators_are_killed_and_the_campaign_loses_and_repeats_nothing(
    cluster: Cluster, gather: Gather
) -> None:
    crowd = gather(1500)
    cluster.start(crowd, per_second=SLOWLY)
    cluster.wait_accepted(crowd, 10)
    workers = cluster.workers(crowd)

    machine.kill("kubelet")
    try:
        goes_on(cluster, crowd)
    finally:
        machine.bring_back("kubelet")

    first = leader(cluster)
    (uid,) = cluster.uids("-n", PLATFORM_NAMESPACE, "--field-selector", f"metadata.name={first}")
    machine.send(machine.processes_of(uid), signal.SIGKILL)
    killed = datetime.now(UTC)
    # The other one, or the killed one's next life when that is quicker than its Lease is over.
    wait_until("an operator leads", lambda: leader(cluster) != "" and renewed(cluster) > killed, seconds=60)
    goes_on(cluster, crowd)

    for uid in cluster.uids(*OPERATORS):
        machine.send(machine.processes_of(uid), signal.SIGKILL)
    goes_on(cluster, crowd)
    assert cluster.workers(crowd) == workers
    ends_well(cluster, crowd)


def test_operator_and_workers_are_rolled_while_a_campaign_runs(cluster: Cluster, gather: Gather) -> None:
    crowd = gather(1500)
    cluster.start(crowd, per_second=SLOWLY)
    cluster.wait_accepted(crowd, 10)
    workers, operators = set(cluster.workers(crowd)), set(cluster.uids(*OPERATORS))
    with worker_image(cluster, HEROLD_IMAGE):
        wait_until("the new operators are alone", lambda: not operators & set(cluster.uids(*OPERATORS)), seconds=180)
        wait_until("the new workers are alone", lambda: not workers & set(cluster.workers(crowd)), seconds=180)
        goes_on(cluster, crowd)
        ends_well(cluster, crowd)


@contextmanager
def worker_image(cluster: Cluster, image: str) -> Iterator[None]:
    """The same image under another name, as a new version would be: operators are rolled, and they roll the workers."""
    variable = "HEROLD_OPERATOR_WORKER_IMAGE"
    found = cluster.kubectl.get("deployment", OPERATOR, "-n", PLATFORM_NAMESPACE)
    assert found is not None
    (container,) = found["spec"]["template"]["spec"]["containers"]
    (before,) = [each["value"] for each in container["env"] if each["name"] == variable]
    assert before != image
    words = ("set", "env", f"deployment/{OPERATOR}", "-n", PLATFORM_NAMESPACE)
    with healing_nothing(cluster.kubectl):
        cluster.kubectl(*words, f"{variable}={image}")
        try:
            yield
        finally:
            cluster.kubectl(*words, f"{variable}={before}")
            wait = ("rollout", "status", f"deployment/{OPERATOR}", "-n", PLATFORM_NAMESPACE, "--timeout=180s")
            cluster.kubectl(*wait, seconds=190)


def test_the_database_is_killed_twice_and_the_campaign_loses_and_repeats_nothing(
    cluster: Cluster, gather: Gather
) -> None:
    crowd = gather(1000)
    cluster.start(crowd, per_second=SLOWLY)
    for least in (20, 60):
        cluster.wait_accepted(crowd, least)
        (uid,) = cluster.uids(*DATABASE)
        killed = machine.processes_of(uid)
        machine.send(killed, signal.SIGKILL)
        wait_until("a new server is there", lambda: answers(cluster), seconds=120)
        goes_on(cluster, crowd)
    ends_well(cluster, crowd)


def answers(cluster: Cluster) -> bool:
    """Whether the database takes writes."""
    return OWN.answers(cluster.kubectl)


def test_a_minute_without_api_server_and_database_costs_nobody_a_mail(cluster: Cluster, gather: Gather) -> None:
    crowd = gather(1000)
    cluster.start(crowd, per_second=SLOWLY)
    cluster.wait_accepted(crowd, 20)
    (uid,) = cluster.uids(*DATABASE)
    end = datetime.now(UTC).timestamp() + 60
    try:
        with machine.frozen(uid):
            machine.kill("kube-apiserver")
            wait_until("a minute has passed", lambda: datetime.now(UTC).timestamp() > end, seconds=90)
    finally:
        machine.bring_back("kube-apiserver")
    wait_until("the API server is ready", cluster.kubectl.ready, seconds=120)
    goes_on(cluster, crowd)
    ends_well(cluster, crowd)
    wait_until("an operator leads", lambda: leader(cluster) != "", seconds=60)


def test_hold_and_stop_work_within_two_seconds_with_no_operator(cluster: Cluster, gather: Gather) -> None:
    crowd = gather(1500)
    target = f"{TEAM}/{crowd.name}"
    cluster.start(crowd, per_second=40)
    cluster.wait_accepted(crowd, 40)
    with no_operator(cluster):
        said = run_herold(cluster, f'herold hold campaign {target} --reason "wrong price"; date +%s.%N')
        held = float(said.split()[-1])
        late = rests(cluster, crowd, held)
        print(f"\nherold hold: the last mail was accepted {late:+.2f} s after the command had ended")
        found = re.search(r"^hold (\d+):", said, re.MULTILINE)
        assert found, said
        run_herold(cluster, f"herold hold release {found[1]}")
        goes_on(cluster, crowd)
        said = run_herold(cluster, f"herold stop {target} --yes; date +%s.%N")
        late = rests(cluster, crowd, float(said.split()[-1]))
        print(f"herold stop: the last mail was accepted {late:+.2f} s after the command had ended")
    cluster.wait_reason(crowd, "Completed", "Stopped")
    counts = cluster.status(crowd)["counts"]
    recipients = cluster.recipients(crowd)
    assert set(recipients.values()) == {1}
    assert (counts["sent"], counts["uncertain"]) == (len(recipients), 0)
    assert counts["planned"] == counts["sent"] + counts["skipped"] == crowd.count


def rests(cluster: Cluster, crowd: Crowd, since: float) -> float:
    """See that nothing is accepted later than two seconds after `since`: seconds from there to the last mail."""
    for times in (2, 4):
        end = since + times * STOPS_WITHIN
        wait_until("a while has passed", lambda end=end: datetime.now(UTC).timestamp() > end, seconds=30)  # type: ignore[misc]
        found = cluster.accepted(crowd)
    assert len(found) < crowd.count
    late = max(each.at for each in found) - since
    assert late < STOPS_WITHIN
    return late


def test_a_campaign_that_is_deleted_rests_and_applied_again_goes_on_where_it_was(
    cluster: Cluster, gather: Gather
) -> None:
    crowd = gather(1000)
    cluster.start(crowd, per_second=SLOWLY)
    cluster.wait_accepted(crowd, 20)
    cluster.kubectl("delete", "campaign", crowd.name, "-n", TEAM)

    def is_at_rest() -> bool:
        end = datetime.now(UTC).timestamp() + 2
        before = len(cluster.accepted(crowd))
        wait_until("two seconds have passed", lambda: datetime.now(UTC).timestamp() > end, seconds=10)
        return len(cluster.accepted(crowd)) == before

    wait_until("an orphan sends nothing", is_at_rest, seconds=30)
    cluster.apply(crowd.team())
    goes_on(cluster, crowd)
    ends_well(cluster, crowd)


def test_a_node_that_is_full_is_told_and_campaigns_go_on_when_there_is_room(cluster: Cluster, gather: Gather) -> None:
    built, late = gather(3), gather(3)
    cluster.apply(built.platform(per_second=FAST))
    *named, campaign = built.team()
    cluster.apply([*named, {**campaign, "spec": {**campaign["spec"], "suspend": True}}])
    cluster.wait_reason(built, "Planned", "AudienceFrozen")
    with full_node(cluster):
        suspend = ("patch", "campaign", built.name, "-n", TEAM, "--type=merge", "-p", '{"spec":{"suspend":false}}')
        cluster.kubectl(*suspend)
        cluster.start(late, per_second=FAST)
        for crowd, reason in ((built, "WorkersMissing"), (late, "AudienceBuildLate")):
            cluster.wait_reason(crowd, "Degraded", reason)
        # What it tells to do shows why.
        told = degraded(cluster, built)
        assert "Insufficient cpu" in cluster.kubectl(*told[told.index("kubectl describe") :].split()[1:])
        assert "Insufficient cpu" in degraded(cluster, late)
        assert cluster.accepted(built) == cluster.accepted(late) == []
    for crowd in (built, late):
        cluster.wait_reason(crowd, "Completed", "EverybodySettled")
        cluster.wait_reason(crowd, "Degraded", "AsExpected")
        assert cluster.recipients(crowd) == Counter(crowd.addresses)


def degraded(cluster: Cluster, crowd: Crowd) -> str:
    """The message of that condition."""
    return str(next(each["message"] for each in cluster.status(crowd)["conditions"] if each["type"] == "Degraded"))


@contextmanager
def full_node(cluster: Cluster) -> Iterator[None]:
    """A pod that asks for all processors that nobody asked for yet, but a few thousandths. It waits for Jobs to end."""
    node = cluster.kubectl.get("node", NODE)
    pods = cluster.kubectl.get("pods", "-A", "-l", "!batch.kubernetes.io/job-name")
    assert node is not None
    assert pods is not None
    at_work = [pod for pod in pods["items"] if pod["status"]["phase"] in {"Running", "Pending"}]
    asked = sum(
        milli(container["resources"].get("requests", {}).get("cpu", "0"))
        for pod in at_work
        for container in pod["spec"]["containers"]
    )
    filler = build_filler(milli(node["status"]["allocatable"]["cpu"]) - asked - 5)
    cluster.apply([filler])
    name = ("pod/filler", "-n", PLATFORM_NAMESPACE)
    try:
        cluster.kubectl("wait", "--for=condition=PodScheduled", *name, "--timeout=60s", seconds=70)
        yield
    finally:
        cluster.kubectl("delete", *name, "--grace-period=1", seconds=60)


def milli(cpu: str) -> int:
    """Thousandths of a processor (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""
    return int(cpu.removesuffix("m")) if cpu.endswith("m") else round(float(cpu) * 1000)


def build_filler(cpu: int) -> Item:
    """A pod that does nothing."""
    context = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "filler",
        "image": HEROLD_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["/bin/sleep", "3600"],
        "resources": {"requests": {"cpu": f"{cpu}m"}},
        "securityContext": context,
    }
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    metadata = {"name": "filler", "namespace": PLATFORM_NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
