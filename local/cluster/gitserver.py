"""The Git server of the cluster of our own: what it is made of, who may push, what lies in it at first."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from local.cluster.argocd import SERVER_NAME
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CHECKOUT, GIT_ADDRESS, GIT_NAMESPACE, Layout
from local.cluster.ours import Item
from local.cluster.pki import Pair
from local.cluster.platform import build_manifest
from local.cluster.secret import build_secret, known_value
from local.command import CommandFailed, run

HOST = f"git.{GIT_NAMESPACE}.svc.cluster.local"
PATH = "git/herold.git"
# By the cluster's names for Argo CD, by address for people of this machine.
URL = f"https://{HOST}/{PATH}"
PUSH_URL = f"https://{GIT_ADDRESS}/{PATH}"
WEBHOOK = f"https://{SERVER_NAME}/api/webhook"
BRANCH = "main"
WRITER, READER = "writer", "reader"
CAMPAIGNS, APPROVALS = "gitops/campaigns", "gitops/approvals"
# What is the checkout's own goes in place of what is there, or over it: a team may have come by a push. Campaigns are
# the teams', approvals the approvers', and are given once.
REPLACED = ("gitops/apps", "operator/crds", "operator/deploy", "policies/admission")
PUT_OVER = ("gitops/bootstrap", "gitops/clusters", "gitops/teams")
AUTHOR = ("-c", "user.name=make up", "-c", "user.email=make-up@herold.invalid", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Tokens:
    """Made once on the cluster: people push with the first, Argo CD reads with the second, the last signs webhooks."""

    writer: str
    reader: str
    webhook: str


def known_tokens(kubectl: Kubectl) -> Tokens:
    """Those of the cluster, or new ones."""
    known = [known_value(kubectl, GIT_NAMESPACE, "git-users", name) for name in (WRITER, READER)]
    webhook = known_value(kubectl, GIT_NAMESPACE, "git-webhook", "secret")
    return Tokens(*(value or secrets.token_urlsafe(32) for value in (*known, webhook)))


def build_server(image: str, volumes: Path) -> list[Item]:
    """The server with its volume, in its own namespace."""
    places = {"git_address": GIT_ADDRESS, "git_url": URL, "git_webhook": WEBHOOK}
    return [
        item
        for item in yaml.safe_load_all(build_manifest("git", {"git": image}, volumes=volumes, others=places))
        if item
    ]


def build_secrets(tokens: Tokens, certificate: Pair, authority: str) -> list[Item]:
    """What its pod reads."""
    users = {
        "users": f"{WRITER}:{tokens.writer}\n{READER}:{tokens.reader}\n",
        WRITER: tokens.writer,
        READER: tokens.reader,
    }
    tls = {"tls.crt": certificate.certificate.decode(), "tls.key": certificate.key.decode(), "ca.crt": authority}
    return [
        build_secret(GIT_NAMESPACE, "git-users", users),
        build_secret(GIT_NAMESPACE, "git-webhook", {"secret": tokens.webhook}),
        build_secret(GIT_NAMESPACE, "git-tls", tls, kind="kubernetes.io/tls"),
    ]


def store_credentials(layout: Layout, tokens: Tokens) -> None:
    """For Git's own helper `store`: readable by root alone, gone with the cluster."""
    descriptor = os.open(layout.git_credentials, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"https://{WRITER}:{tokens.writer}@{GIT_ADDRESS}\n")


def clone_options(layout: Layout) -> tuple[str, ...]:
    """Options of `git clone` after which the clone can pull and push by itself."""
    return (
        *("-c", f"http.sslCAInfo={layout.pki / 'ca.crt'}"),
        *("-c", f"credential.helper=store --file={layout.git_credentials}"),
    )


def git(*words: str | Path, folder: Path | None = None, seconds: float = 60) -> str:
    """Git without anybody's own settings: its words. Raises CommandFailed."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ = ours | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
    return run(["git", *words], seconds=seconds, environ=environ, folder=folder)


def push_checkout(layout: Layout, own: Mapping[str, str]) -> str:
    """Bring what this checkout has to the server, and files of this cluster's own; the commit of its branch then."""
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "herold"
        git("clone", "--quiet", *clone_options(layout), PUSH_URL, clone)
        put_checkout(CHECKOUT, clone, own)
        git("add", "--all", folder=clone)
        if git("status", "--porcelain", folder=clone).strip():
            git(*AUTHOR, "commit", "--quiet", "-m", "What the platform's checkout has", folder=clone)
            git("push", "--quiet", "origin", f"HEAD:{BRANCH}", folder=clone)
        return git("rev-parse", "HEAD", folder=clone).strip()


def put_checkout(checkout: Path, clone: Path, own: Mapping[str, str]) -> None:
    """Write the platform's parts into the clone, what is others' only when it has none; `own` folder by folder."""
    for part in REPLACED:
        shutil.rmtree(clone / part, ignore_errors=True)
    for part in (*REPLACED, *PUT_OVER):
        shutil.copytree(checkout / part, clone / part, dirs_exist_ok=True)
    for part in (CAMPAIGNS, APPROVALS):
        if not (clone / part).exists():
            shutil.copytree(checkout / part, clone / part)
    for folder in {(clone / path).parent for path in own}:
        shutil.rmtree(folder, ignore_errors=True)
    for path, text in own.items():
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text(text, encoding="utf-8")


def answers(layout: Layout) -> bool:
    """Whether it answers those who have a token."""
    try:
        _has_branch(layout)
    except CommandFailed:
        return False
    return True


def _has_branch(layout: Layout) -> bool:
    options = clone_options(layout)
    return bool(git(*options, "ls-remote", "--heads", PUSH_URL, BRANCH, seconds=20).strip())
