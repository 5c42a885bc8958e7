"""`kubectl campaign` as somebody runs it: a process with their kubeconfig."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controller.platform import TEAM, Platform
from parts.kubernetes import ROOT

DEADLINE = 60.0


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Hand:
    """Somebody with a kubeconfig, whose context has the team's namespace."""

    kubeconfig: Path
    folder: Path

    def __call__(self, *words: str, given: str = "", **environ: str) -> Said:
        """Run `kubectl campaign WORDS` to its end; standard input is no terminal."""
        done = subprocess.run(
            [sys.executable, "-m", "herold_kubectl", *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            env=self.environ(**environ),
            cwd=self.folder,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of a command."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEROLD_", "KUBE"))}
        return {**kept, "KUBECONFIG": str(self.kubeconfig), "PYTHONIOENCODING": "utf-8", **more}

    def must(self, *words: str, given: str = "") -> Said:
        """The same, for what must succeed."""
        said = self(*words, given=given)
        assert said.code == 0, said
        return said


def with_token(platform: Platform, name: str, token: str) -> Hand:
    """Somebody whose kubeconfig has a token, as company logins give them."""
    path = platform.api.kubeconfig(f"{name}-token", credentials={"token": token}, namespace=TEAM)
    return Hand(path, platform.folder)


def with_certificate(platform: Platform, name: str) -> Hand:
    """Somebody whose kubeconfig has a client certificate, as kind and k3d make them."""
    path = platform.api.kubeconfig(name, credentials=dict(platform.api.certificate_of(name)), namespace=TEAM)
    return Hand(path, platform.folder)


def with_program(platform: Platform, name: str, token: str) -> Hand:
    """Somebody whose kubeconfig names a program that knows their token, as EKS, GKE and AKS do."""
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    program = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", f"print({json.dumps(json.dumps(credential))})"],
        "interactiveMode": "Never",
    }
    path = platform.api.kubeconfig(f"{name}-program", credentials={"exec": program}, namespace=TEAM)
    return Hand(path, platform.folder)


def give(platform: Platform, user: str, *roles: str) -> None:
    """A person's RoleBindings in the team's namespace."""
    group = "rbac.authorization.k8s.io"
    for role in roles:
        platform.api.apply(
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"{user}-{role}", "namespace": TEAM},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
            }
        )


def add_accounts(platform: Platform) -> None:
    """The accounts that the platform makes with a team's namespace."""
    for item in yaml.safe_load_all((ROOT / "local" / "platform" / "herold.yaml").read_text()):
        if item["kind"] in ("ServiceAccount", "RoleBinding"):
            platform.api.apply(item)
