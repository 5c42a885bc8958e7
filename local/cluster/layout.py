"""Where everything of the local cluster lies, and which addresses it uses: values, nothing is touched here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

NODE = "herold-node"
NODE_ADDRESS = "10.44.0.1"
SERVICE_RANGE = "10.44.4.0/22"
API_SERVICE_ADDRESS = "10.44.4.1"
DNS_ADDRESS = "10.44.4.10"
GIT_ADDRESS = "10.44.4.20"
POD_RANGE = "10.44.8.0/22"
API_URL = f"https://{NODE_ADDRESS}:6443"
CONTEXT = "herold"

# Names by which `down` knows again what belongs to this cluster. A link's name has at most 15 characters.
NODE_BRIDGE = "herold0"
POD_BRIDGE = "herold-pods0"
CGROUP = "herold"
CNI_NETWORK = "herold"

PLATFORM_NAMESPACE = "herold-platform"
SENDERS_NAMESPACE = "herold-senders"
GIT_NAMESPACE = "herold-git"
DATA_NAMESPACE = "herold-data"


@dataclass(frozen=True)
class Layout:
    """The two folders of a cluster: what is built once (`cache`), and what lives while it runs (`state`)."""

    cache: Path
    state: Path

    @property
    def run(self) -> Path:
        """Pid files, sockets, what must be put back."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        """One file a component."""
        return self.state / "log"

    @property
    def pki(self) -> Path:
        """Certificates, keys and kubeconfigs."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Configuration files of the components."""
        return self.state / "etc"

    @property
    def data(self) -> Path:
        """etcd and volumes: dropped by `down`, kept by `down --keep`."""
        return self.state / "data"

    @property
    def volumes(self) -> Path:
        """One folder a persistent volume."""
        return self.data / "volumes"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def git_credentials(self) -> Path:
        """With which people of this machine push to the cluster's Git server."""
        return self.state / "git-credentials"

    @property
    def containerd_socket(self) -> Path:
        """Where our containerd listens."""
        return self.run / "containerd.sock"

    @property
    def images(self) -> Path:
        """Layers and image archives."""
        return self.cache / "images"

    @property
    def containerd(self) -> Path:
        """What containerd keeps: unpacked images outlive the cluster, as what is built does."""
        return self.cache / "containerd"


def read_layout(environ: Mapping[str, str], home: Path) -> Layout:
    """The layout that this user's environment asks for (XDG base directories for the cache).

    The state lies under /var/lib, because a kubelet and its mounts need root anyway, and because a pod's user must be
    able to enter the folders of its volumes, which root's home forbids.
    """
    base = environ.get("XDG_CACHE_HOME")
    cache = Path(base) if base and Path(base).is_absolute() else home / ".cache"
    return Layout(cache=cache / "herold", state=Path("/var/lib/herold-cluster"))


def here() -> Layout:
    """The layout of the process that asks."""
    return read_layout(os.environ, Path.home())
