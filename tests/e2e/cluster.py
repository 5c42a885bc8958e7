"""The cluster as a test sees it: kubectl, and the relay's own log. Herold's numbers are never the proof."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass
from typing import Any

from local.cluster.kubectl import Kubectl
from local.cluster.layout import PLATFORM_NAMESPACE, SENDERS_NAMESPACE, here
from local.cluster.ours import to_list
from local.cluster.people import bring_people
from local.cluster.progress import wait_until

from e2e.machine import processes_of, send
from e2e.people import TEAM, Crowd, Item


@dataclass(frozen=True)
class Accepted:
    """One message that the relay accepted. `at`: seconds since 1970 by its clock."""

    at: float
    campaign: str
    recipient: str


class Cluster:
    """What tests ask and change."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def apply(self, items: list[Item]) -> None:
        """`kubectl apply --server-side`."""
        self.kubectl("apply", "--server-side", "-f", "-", given=to_list(items))

    def load(self, crowd: Crowd) -> None:
        """`herold contacts import` in a pod of the platform."""
        bring_people(self.kubectl, crowd.csv(), what="people", form="csv", source="e2e")

    def start(self, crowd: Crowd, *, per_second: int) -> None:
        """Apply the sender, then what the team declares."""
        self.apply(crowd.platform(per_second=per_second))
        self.apply(crowd.team())

    def remove(self, crowd: Crowd) -> None:
        """Take away what `start` and `load` made; the people and the ledger's rows stay."""
        for kind in ("campaign", "segment", "messagetemplate"):
            self.kubectl("delete", kind, crowd.name, "-n", TEAM, "--ignore-not-found", seconds=60)
        self.kubectl("delete", "senderprofile", crowd.name, "-n", "campaigns-shared", "--ignore-not-found", seconds=60)

    def accepted(self, crowd: Crowd) -> list[Accepted]:
        """What the relay accepted for these people, in its order. Read where it lies: no component is asked."""
        log = (here().volumes / "sink" / "accepted.tsv").read_text(encoding="utf-8")
        lines = [line.split("\t") for line in log.splitlines()]
        return [Accepted(float(line[0]), line[1], line[2]) for line in lines if line[2].startswith(f"{crowd.name}-")]

    def recipients(self, crowd: Crowd) -> Counter[str]:
        """How often the relay accepted a message for each."""
        return Counter(each.recipient for each in self.accepted(crowd))

    def status(self, crowd: Crowd) -> dict[str, Any]:
        """The campaign's status, {} before there is one."""
        found = self.kubectl.get("campaign", crowd.name, "-n", TEAM)
        return dict(found.get("status", {})) if found else {}

    def reason(self, crowd: Crowd, condition: str) -> str:
        """The reason of a condition, "" before there is one."""
        stated = {each["type"]: each["reason"] for each in self.status(crowd).get("conditions", ())}
        return str(stated.get(condition, ""))

    def wait_reason(self, crowd: Crowd, condition: str, reason: str, *, seconds: float = 120) -> None:
        """Until a condition has that reason."""
        wait_until(
            f"{condition} of {crowd.name} is {reason}", lambda: self.reason(crowd, condition) == reason, seconds=seconds
        )

    def wait_accepted(self, crowd: Crowd, least: int, *, seconds: float = 120) -> None:
        """Until the relay accepted that many."""
        wait_until(f"{least} mails accepted", lambda: len(self.accepted(crowd)) >= least, seconds=seconds)

    def workers(self, crowd: Crowd) -> list[str]:
        """Pods of the crowd's sender that are there, also those that are ending."""
        words = ("pods", "-n", SENDERS_NAMESPACE, "-l", f"herold.dev/sender={crowd.name}")
        found = self.kubectl.get(*words)
        assert found is not None
        return [pod["metadata"]["name"] for pod in found["items"]]

    def replicas(self, crowd: Crowd) -> int:
        """What the Deployment of the crowd's sender asks for; 0 when there is none."""
        words = ("deployments", "-n", SENDERS_NAMESPACE, "-l", f"herold.dev/sender={crowd.name}")
        found = self.kubectl.get(*words)
        assert found is not None
        return sum(int(item["spec"]["replicas"]) for item in found["items"])

    def words(self, crowd: Crowd) -> str:
        """All that Herold says where anybody may read it: logs of operator and workers, the campaign, Events."""
        logs = ("logs", "--tail=-1", "--prefix", "-l")
        return "\n".join(
            (
                self.kubectl(*logs, "app.kubernetes.io/name=herold-operator", "-n", PLATFORM_NAMESPACE),
                self.kubectl(*logs, f"herold.dev/sender={crowd.name}", "-n", SENDERS_NAMESPACE),
                self.kubectl("get", "campaign", crowd.name, "-n", TEAM, "-o", "json"),
                self.kubectl("get", "events", "-A", "-o", "json"),
            )
        )

    def kill_workers(self, crowd: Crowd) -> int:
        """SIGKILL for the processes in the crowd's worker pods, on the node: the kubelet starts them again."""
        words = ("-n", SENDERS_NAMESPACE, "-l", f"herold.dev/sender={crowd.name}")
        killed = [process for uid in self.uids(*words) for process in processes_of(uid, "worker")]
        send(killed, signal.SIGKILL)
        return len(killed)

    def uids(self, *words: str) -> list[str]:
        """The uids of pods."""
        found = self.kubectl.get("pods", *words)
        assert found is not None
        return [pod["metadata"]["uid"] for pod in found["items"]]

    def pace(self, crowd: Crowd, per_second: int) -> None:
        """Another rate for its sender, while it sends."""
        self.apply(crowd.platform(per_second=per_second))
