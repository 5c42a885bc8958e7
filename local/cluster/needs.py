"""What a machine must have for a cluster of its own: asked all at once, before anything is changed."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from local.cluster import host
from local.cluster.components import PORTS
from local.cluster.layout import Layout

from herold.errors import HeroldError

LEAST_FREE = 6 * 2**30
# What proves that it is installed, and Debian's package of it.
PACKAGES = (
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("umount", "mount"),
    ("nice", "coreutils"),
    ("mmdebstrap", "mmdebstrap"),
)


@dataclass(frozen=True)
class Lack:
    """One thing that is missing, and how to get it."""

    what: str
    remedy: str


ANOTHER = "or use a cluster that you have: make up HEROLD_CONTEXT=<a context of your kubeconfig>"


class Lacking(HeroldError):
    """A machine or a cluster lacks what Herold needs there; all of it is in the message."""

    exit_code = 4

    def __init__(
        self,
        lacks: Iterable[Lack],
        who: str = "this machine can't run a cluster of its own yet; it lacks",
        *,
        hint: str | None = ANOTHER,
    ) -> None:
        self.lacks = tuple(lacks)
        lines = "\n".join(f"  - {lack.what}\n    {lack.remedy}" for lack in self.lacks)
        super().__init__(f"{who}:\n{lines}", hint=hint)


def missing_packages() -> list[str]:
    """Debian packages of which the program is not there."""
    return [package for proof, package in PACKAGES if not (shutil.which(proof) or Path(proof).exists())]


def find_lacks(layout: Layout, *, built: bool, fresh: bool) -> list[Lack]:
    """All that is missing. `built`: the components are in the cache. `fresh`: nothing of ours runs at this moment."""
    lacks = []
    if os.uname().sysname != "Linux" or os.uname().machine != "x86_64":
        lacks.append(Lack("Linux on x86_64", "kubelet and containerd run as processes of this machine"))
    if os.geteuid() != 0:
        lacks.append(Lack("root", "sudo make up: a kubelet mounts, makes links and control groups"))
    if packages := missing_packages():
        lacks.append(
            Lack(
                f"Debian packages: {', '.join(packages)}",
                f"apt-get install --no-install-recommends {' '.join(packages)}   (or: make up INSTALL=1)",
            )
        )
    if not shutil.which("go"):
        lacks.append(Lack("Go 1.25 or later", "https://go.dev/dl; the components are built from local/tools, once"))
    if not (host.SYSCTLS / "net/bridge/bridge-nf-call-iptables").exists():
        lacks.append(Lack("the kernel module br_netfilter", "modprobe br_netfilter"))
    free = shutil.disk_usage(_existing(layout.cache)).free
    if not built and free < LEAST_FREE:
        lacks.append(Lack(f"room: {free / 2**30:.1f} GiB free", f"{LEAST_FREE / 2**30:.0f} GiB below {layout.cache}"))
    if fresh:
        lacks += [Lack(f"port {port} on 127.0.0.1", "stop what listens there") for port in PORTS if _taken(port)]
        if shutil.which("nft") and host.proxy_tables():
            lacks.append(Lack("a machine without another kube-proxy", "its packet rules are there: is this a node?"))
    return lacks


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
