"""What lies in Git as a test sees it: a clone that pushes, and what Argo CD says of each Application."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from local.cluster.argocd import NAMESPACE
from local.cluster.delivery import is_synced
from local.cluster.gitserver import AUTHOR, BRANCH, PUSH_URL, clone_options, git
from local.cluster.kubectl import Kubectl
from local.cluster.layout import here
from local.cluster.progress import wait_until
from local.command import CommandFailed

from e2e.people import TEAM, Crowd, Item

FOLDER = "gitops/campaigns/test"
CONTROLLER = "statefulset/argocd-application-controller"
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

    def push_when_it_answers(self, words: str) -> str:
        """The same of an empty commit, as soon as the server takes it."""
        git(*AUTHOR, "commit", "--quiet", "--allow-empty", "-m", words, folder=self.folder)

        def taken() -> bool:
            try:
                git("push", "--quiet", "origin", f"HEAD:{BRANCH}", folder=self.folder)
            except CommandFailed:
                return False
            return True

        wait_until("the push is taken", taken, seconds=60)
        return git("rev-parse", "HEAD", folder=self.folder).strip()

    def validate(self) -> list[dict[str, str]]:
        """What `herold validate` has against the campaigns of this clone, by the policies that lie in it."""
        mistakes: list[dict[str, str]] = json.loads(self._herold("validate", "-o", "json", FOLDER).stdout)["mistakes"]
        return mistakes

    def approve(self, campaign: str, approver: str) -> None:
        """Write the approval of the shop's campaign as it stands in this clone."""
        words = ("approve", f"{TEAM}/{campaign}", "--environment", "test", "--approver", approver)
        done = self._herold(*words, "--reason", "the plan was looked at")
        assert done.returncode == 0, done.stderr

    def _herold(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("herold")), *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)

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

    def wait_revision(self, application: str, commit: str, *, seconds: float = 60) -> None:
        """Until an Application of the platform was compared with that commit."""

        def compared() -> bool:
            found = self.kubectl.get("application", application, "-n", NAMESPACE) or {}
            return bool(found.get("status", {}).get("sync", {}).get("revision") == commit)

        wait_until(f"{application} is compared with {commit[:8]}", compared, seconds=seconds)

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


@contextmanager
def healing_nothing(kubectl: Kubectl) -> Iterator[None]:
    """Argo CD's controller is gone: what a test does by hand stays."""
    scale = ("scale", CONTROLLER, "-n", NAMESPACE)
    kubectl(*scale, "--replicas=0")
    wait_until(
        "it is gone", lambda: kubectl.get("pod", "argocd-application-controller-0", "-n", NAMESPACE) is None, seconds=60
    )
    try:
        yield
    finally:
        kubectl(*scale, "--replicas=1")


def build_stray(kind: str, namespace: str) -> Item:
    """A resource that no team may bring in."""
    version = "rbac.authorization.k8s.io/v1" if kind.startswith("ClusterRole") else "v1"
    metadata = {"name": "stray"} if kind.startswith("ClusterRole") else {"name": "stray", "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
