"""Bench: many teams by one Argo CD, on the local cluster (root, `make up`).

PYTHONPATH=.:tests python tests/bench/bench_teams.py --teams 50 --campaigns 40

From one push that brings all teams to the last Application that has them, and from a push of one campaign of one team
to that campaign in the cluster and to its condition. Seconds. Everything is taken away again at the end.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from local.cluster.argocd import NAMESPACE
from local.cluster.delivery import is_synced
from local.cluster.gitserver import git
from local.cluster.kubectl import Kubectl
from local.cluster.layout import PLATFORM_NAMESPACE, here
from local.cluster.progress import wait_until
from local.cluster.status import own_kubectl

from e2e.cluster import Cluster
from e2e.delivery import FOLDER, Repository
from e2e.operators import leader, metrics
from herold_delivery.render import main as render
from parts.exposition import value

EXAMPLE = "club"
PREFIX = "bench-"
PATIENCE = 1800.0
PUSHES = 5
Item = dict[str, Any]


def declare(repository: Repository, teams: int, campaigns: int) -> list[str]:
    """Teams like the example's, each with so many campaigns for tomorrow."""
    names = [f"{PREFIX}{number:03}" for number in range(teams)]
    due = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S")
    example = repository.folder / FOLDER / EXAMPLE
    items = {item["kind"]: item for file in example.glob("*.yaml") for item in yaml.safe_load_all(file.read_text())}
    for name in names:
        limits = {"campaigns": campaigns + 10, "segments": 10, "templates": 10}
        file = repository.folder / "gitops/teams" / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"environments": ["test"], "limits": limits}))
        for kind in ("Segment", "MessageTemplate"):
            repository.write(f"{name}/{kind.lower()}.yaml", yaml.safe_dump(placed(items[kind], name)))
        for number in range(campaigns):
            campaign = placed(items["Campaign"], name)
            campaign["metadata"]["name"] = f"campaign-{number:03}"
            campaign["spec"]["schedule"]["at"] = due
            repository.write(f"{name}/campaign-{number:03}.yaml", yaml.safe_dump(campaign))
        approvals = repository.folder / "gitops/approvals/test" / name
        approvals.mkdir(parents=True)
        (approvals / "README.md").write_text("None.\n")
    assert render(["--root", str(repository.folder)]) == 0
    return names


def placed(item: Item, team: str) -> Item:
    """The same resource in that team's namespace."""
    found: Item = json.loads(json.dumps(item, default=str))
    found["metadata"]["namespace"] = f"campaigns-{team}"
    return found


def synced(kubectl: Kubectl, names: list[str], commit: str) -> int:
    """How many of these teams' Applications are at that commit."""
    found = kubectl.get("applications", "-n", NAMESPACE)
    wanted = {f"team-{name}" for name in names}
    items = found["items"] if found else ()
    return sum(is_synced(item, commit) for item in items if item["metadata"]["name"] in wanted)


def wait_synced(kubectl: Kubectl, names: list[str], commit: str) -> None:
    """Until all are."""
    wait_until(
        f"{len(names)} teams", lambda: _pause() and synced(kubectl, names, commit) == len(names), seconds=PATIENCE
    )


def _pause() -> bool:
    time.sleep(1)  # a list of all Applications is not free
    return True


def judged(kubectl: Kubectl, names: list[str]) -> int:
    """How many campaigns of these teams an operator has said to be right."""
    found = kubectl.get("campaigns", "-A")
    namespaces = {f"campaigns-{name}" for name in names}
    mine = [item for item in (found["items"] if found else ()) if item["metadata"]["namespace"] in namespaces]
    stated = [each for item in mine for each in item.get("status", {}).get("conditions", ())]
    return sum(each["type"] == "Valid" and each["status"] == "True" for each in stated)


def change(repository: Repository, kubectl: Kubectl, team: str, number: int) -> tuple[float, float]:
    """Seconds from a push of one campaign to it in the cluster, and to the operator's word about it."""
    path = f"{team}/campaign-000.yaml"
    campaign = yaml.safe_load((repository.folder / FOLDER / path).read_text())
    campaign["spec"]["audience"]["maxRecipients"] = 1000 + number
    repository.write(path, yaml.safe_dump(campaign))
    began = time.monotonic()
    repository.push("One campaign")
    pushed = time.monotonic()
    where = ("campaign", "campaign-000", "-n", f"campaigns-{team}")
    there: list[float] = []

    def known() -> bool:
        found = kubectl.get(*where) or {}
        if found.get("spec", {}).get("audience", {}).get("maxRecipients") != 1000 + number:
            return False
        there.append(time.monotonic() - pushed)
        status = found.get("status", {})
        return bool(status.get("observedGeneration") == found["metadata"]["generation"])

    wait_until("the change", known, seconds=PATIENCE)
    print(f"push {pushed - began:.1f} s, in the cluster {there[0]:.1f} s later", flush=True)
    return there[0], time.monotonic() - pushed


def cpu_of_operator(kubectl: Kubectl) -> float:
    """Seconds of a processor that the leading operator used since its start."""
    cluster = Cluster(kubectl)
    return value(metrics(cluster, PLATFORM_NAMESPACE, leader(cluster)), "process_cpu_seconds_total") or 0.0


def remove(repository: Repository, kubectl: Kubectl, names: list[str], before: str) -> None:
    """As it was."""
    git("rm", "--quiet", "-r", "--force", ".", folder=repository.folder)
    git("checkout", "--quiet", before, "--", ".", folder=repository.folder)
    repository.push("Without the teams of the bench")
    wanted = [f"{kind}-{name}" for name in names for kind in ("team", "approvals")]
    kubectl("delete", "applications", "-n", NAMESPACE, "--ignore-not-found", *wanted, seconds=600)
    kubectl("delete", "namespace", "--ignore-not-found", *(f"campaigns-{name}" for name in names), seconds=1200)


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--campaigns", type=int, default=40)
    chosen = parser.parse_args()
    kubectl = own_kubectl(here())
    with tempfile.TemporaryDirectory() as temporary:
        repository = Repository(Path(temporary) / "herold")
        before = git("rev-parse", "HEAD", folder=repository.folder).strip()
        names = declare(repository, chosen.teams, chosen.campaigns)
        try:
            before_cpu, began = cpu_of_operator(kubectl), time.monotonic()
            commit = repository.push("Many teams")
            wait_synced(kubectl, names, commit)
            delivered = time.monotonic() - began
            print(f"all teams delivered {delivered:.0f} s after the push", flush=True)
            count = chosen.teams * chosen.campaigns
            wait_until("the operator", lambda: _pause() and judged(kubectl, names) == count, seconds=PATIENCE)
            every, cpu = time.monotonic() - began, cpu_of_operator(kubectl) - before_cpu
            print(f"all judged {every:.0f} s after the push, {cpu:.0f} s of a processor in the operator", flush=True)
            changes = [change(repository, kubectl, names[number % len(names)], number) for number in range(PUSHES)]
            print(kubectl("top", "pods", "-n", NAMESPACE, "--no-headers"))
            figures = {
                "teams": chosen.teams,
                "campaigns": count,
                "delivered": round(delivered, 1),
                "judged": round(every, 1),
                "operator_cpu": round(cpu, 1),
                "one_campaign_delivered": [round(first, 1) for first, _ in changes],
                "one_campaign_judged_median": round(statistics.median(last for _, last in changes), 1),
            }
            print(json.dumps(figures, indent=1))
        finally:
            remove(repository, kubectl, names, before)


if __name__ == "__main__":
    main()
