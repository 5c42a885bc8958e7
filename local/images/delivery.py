"""The images that bring Git to the cluster: Argo CD as its project builds it, less its pages, and a Git server."""

from __future__ import annotations

from pathlib import Path

from local.images.archive import Image, Start
from local.images.debian import Debian, build_debian
from local.images.layer import Entry
from local.images.recipes import DEBIAN, PATH, PYTHON_BASE, USER, build_files

# The user of the official image: manifests and volumes fit both.
ARGO_CD_USER = "999:999"
ARGO_CD_BASE = Debian("argocd", ("git", "gnupg", "redis-server", "tini"), upon=DEBIAN)
# One program whose part is told by the name by which it is called.
ROLES = ("server", "repo-server", "cmp-server", "application-controller", "k8s-auth")
WRAPPERS = ("git-verify-wrapper.sh", "gpg-wrapper.sh")

GIT_BASE = Debian("git", ("git", "lighttpd", "lighttpd-mod-openssl"), upon=PYTHON_BASE)
HOOKS = "usr/share/herold-git/hooks"


def build_argo_cd(program: Path, kustomize: Path, module: Path, cache: Path) -> Image:
    """Argo CD with what it calls: Git, Kustomize, two wrappers of its own module; Redis beside them, for its cache."""
    entries = [
        Entry("usr/local/bin/argocd", program, 0o755),
        Entry("usr/local/bin/kustomize", kustomize, 0o755),
        *(Entry(f"usr/local/bin/{name}", module / "hack" / name, 0o755) for name in WRAPPERS),
    ]
    links = {f"usr/local/bin/argocd-{role}": "/usr/local/bin/argocd" for role in ROLES}
    start = Start(
        # It runs what a pod's `args` name, and takes in the processes that Git leaves behind.
        ("/usr/bin/tini", "--"),
        ARGO_CD_USER,
        folder="/tmp",  # noqa: S108 -- the folder that every pod with a read-only root gives
        # No name in /etc/passwd goes with 999 here.
        environment=(PATH, ("USER", "argocd"), ("HOME", "/home/argocd"), ("GRPC_ENABLE_TXT_SERVICE_CONFIG", "false")),
    )
    layers = (*build_debian(ARGO_CD_BASE, cache), build_files("argocd-programs", entries, links, cache))
    return Image("localhost/herold-argocd", start, layers)


def build_git(checkout: Path, cache: Path) -> Image:
    """A Git server: git-http-backend behind lighttpd; hooks judge a push, and tell Argo CD of it."""
    folder = checkout / "local" / "images" / "git"
    entries = [
        Entry("etc/gitconfig", folder / "gitconfig", 0o644),
        Entry("etc/herold-git/lighttpd.conf", folder / "lighttpd.conf", 0o644),
        Entry("usr/local/bin/start-git", folder / "start-git", 0o755),
        Entry(f"{HOOKS}/update", folder / "judge.py", 0o755),
        Entry(f"{HOOKS}/post-receive", folder / "announce.py", 0o755),
    ]
    start = Start(("/usr/local/bin/start-git",), USER, environment=(PATH, ("LC_ALL", "C.UTF-8")))
    layers = (*build_debian(GIT_BASE, cache), build_files("git-server", entries, {}, cache))
    return Image("localhost/herold-git", start, layers)
