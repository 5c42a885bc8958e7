"""What lies in Git as a test sees it: a clone that pushes, and what Argo CD says of each Application."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from local.cluster.argocd import NAMESPACE
from local.cluster.delivery import is_synced
from local.cluster.gitserver import AUTHOR, BRANCH, PUSH_URL, clone_options, git
from local.cluster.kubectl import Kubectl
from local.cluster.layout import GIT_NAMESPACE, here
from local.cluster.progress import wait_until

from e2e.people import TEAM, Crowd, Item

FOLDER = "gitops/campaigns/test"
OTHER, OTHER_TEAM = "club", "campaigns-club"


class Repository:
    """A clone as people of this machine have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        git("clone", "--quiet", *clone_options(here()), PUSH_URL, folder)

    def write(self, path: str, text: str) -> None:
        """A file below the campaigns' folder."""
        file = self.folder / FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def remove(self, path: str) -> None:
        """Take a file away."""
        (self.folder / FOLDER / path).unlink()

    def declare(self, crowd: Crowd, **changes: Any) -> None:
        """A crowd's segment, template and campaign as one file of the team; `changes` are of the campaign's spec."""
        items = crowd.team()
        items[-1]["spec"].update(changes)
        self.write(f"shop/{crowd.name}.yaml", yaml.safe_dump_all(items, sort_keys=False))

    def push(self, words: str) -> str:
        """Commit all and push: the commit. Raises CommandFailed with the server's words."""
        git("add", "--all", folder=self.folder)
        git(*AUTHOR, "commit", "--quiet", "-m", words, folder=self.folder)
        git("push", "--quiet", "origin", f"HEAD:{BRANCH}", folder=self.folder)
        return git("rev-parse", "HEAD", folder=self.folder).strip()

    def revert(self) -> str:
        """Undo the last commit by another one, and push that."""
        git(*AUTHOR, "revert", "--no-edit", "HEAD", folder=self.folder)
        git("push", "--quiet", "origin", f"HEAD:{BRANCH}", folder=self.folder)
        return git("rev-parse", "HEAD", folder=self.folder).strip()

    def forget(self) -> None:
        """Go back to what the server has."""
        git("reset", "--quiet", "--hard", f"origin/{BRANCH}", folder=self.folder)
        git("clean", "--quiet", "-fd", folder=self.folder)


class Delivery:
    """What Argo CD says."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def application(self, name: str) -> Mapping[str, Any]:
        """The Application of a team."""
        return self.kubectl.get("application", f"team-{name}", "-n", NAMESPACE) or {}

    def wait_synced(self, name: str, commit: str, *, seconds: float = 60) -> None:
        """Until a team's folder is in the cluster as that commit has it."""
        hint = f"kubectl describe application -n {NAMESPACE} team-{name}"
        what = f"team-{name} is at {commit[:8]}"
        wait_until(what, lambda: is_synced(self.application(name), commit), seconds=seconds, hint=hint)

    def words(self, name: str) -> str:
        """All that is said of why a team's folder is not in the cluster."""
        status = self.application(name).get("status", {})
        last = status.get("operationState", {})
        said = [each["message"] for each in status.get("conditions", ())]
        said.append(last.get("message", ""))
        said += [each.get("message", "") for each in last.get("syncResult", {}).get("resources", ())]
        return "\n".join(said)

    def wait_words(self, name: str, words: str, *, seconds: float = 60) -> None:
        """Until it says so."""
        wait_until(f"team-{name} says {words!r}", lambda: words in self.words(name), seconds=seconds)

    def health(self, name: str, kind: str, resource: str) -> str:
        """The health of one resource of a team, as Argo CD shows it."""
        tree = self.application(name).get("status", {}).get("resources", ())
        found = [each for each in tree if (each["kind"], each["name"]) == (kind, resource)]
        return str(found[0].get("health", {}).get("status", "")) if found else ""

    def look_again(self, name: str) -> None:
        """Have Argo CD compare anew, and wait until it did."""
        before = self.application(name).get("status", {}).get("reconciledAt")
        words = ("annotate", "application", f"team-{name}", "-n", NAMESPACE, "--overwrite")
        self.kubectl(*words, "argocd.argoproj.io/refresh=hard")
        wait_until(
            f"team-{name} was compared anew",
            lambda: self.application(name).get("status", {}).get("reconciledAt") != before,
            seconds=60,
        )


def remove_delivery(kubectl: Kubectl) -> None:
    """Take away what `make gitops` made, where the cluster goes on without it."""
    kubectl("delete", "applications,appprojects", "--all", "-n", NAMESPACE, seconds=60)
    for team in (TEAM, OTHER_TEAM):
        kubectl("delete", "campaigns,segments,messagetemplates", "--all", "-n", team, "--ignore-not-found", seconds=60)
    kubectl("delete", "resourcequota", "team", "-n", TEAM, "--ignore-not-found")
    kubectl("delete", "rolebinding", "campaign-operator", "-n", TEAM, "--ignore-not-found")
    kubectl("delete", "namespace", OTHER_TEAM, GIT_NAMESPACE, NAMESPACE, "--ignore-not-found", seconds=120)
    kubectl("delete", "pv", "herold-git", "--ignore-not-found", seconds=60)
    kinds = [f"{name}.argoproj.io" for name in ("applications", "applicationsets", "appprojects")]
    kubectl("delete", "crd", *kinds, "--ignore-not-found", seconds=60)
    for kind in ("clusterrole", "clusterrolebinding"):
        kubectl("delete", kind, "argocd-application-controller", "--ignore-not-found")


def build_stray(kind: str, namespace: str) -> Item:
    """A resource that no team may bring in."""
    version = "rbac.authorization.k8s.io/v1" if kind.startswith("ClusterRole") else "v1"
    metadata = {"name": "stray"} if kind.startswith("ClusterRole") else {"name": "stray", "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
