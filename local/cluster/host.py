"""What the cluster changes on the machine besides processes: sysctls, links, control groups, mounts, rules, files.

Everything here can be done twice, and undone after an abort at any place.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from local.cluster.layout import CGROUP, CNI_NETWORK, NODE_ADDRESS, NODE_BRIDGE, POD_BRIDGE, Layout
from local.cluster.policies import TABLE
from local.cluster.progress import wait_until
from local.command import run, succeeds

SYSCTLS = Path("/proc/sys")
CGROUPS = Path("/sys/fs/cgroup")
MOUNTS = Path("/proc/self/mountinfo")
PROXY_TABLES = ("ip", "ip6")

# Needed by us, or overwritten by kubelet and kube-proxy: all are put back.
WANTED = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "fs/inotify/max_user_instances": "8192",
}
OVERWRITTEN = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/conf/all/route_localnet",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
)
# Folders that containerd, its shims, CNI plugins and the kubelet make whatever they are told.
FOREIGN_FOLDERS = (Path("/var/lib/cni"), Path("/run/containerd"), Path("/var/lib/kubelet"), Path("/var/log/containers"))


def read_sysctls() -> dict[str, str]:
    """The settings that may change, as they are now; those that this kernel lacks are left out."""
    values = {}
    for name in (*WANTED, *OVERWRITTEN):
        try:
            values[name] = (SYSCTLS / name).read_text().strip()
        except OSError:
            continue
    return values


def save_sysctls(file: Path) -> None:
    """Keep the settings as they are before us. A file that is there stays: it holds the older truth."""
    if not file.exists():
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(read_sysctls(), indent=1))
        partial.rename(file)


def set_sysctls(values: Mapping[str, str]) -> None:
    """Set what differs."""
    now = read_sysctls()
    for name, value in values.items():
        if name in now and now[name] != value:
            (SYSCTLS / name).write_text(value)


def restore_sysctls(file: Path) -> None:
    """Put the saved settings back, and forget them."""
    if file.exists():
        set_sysctls(json.loads(file.read_text()))
        file.unlink()


def add_bridge() -> None:
    """A bridge without ports that carries the node's address: it is there whether or not the machine has a network."""
    if not (Path("/sys/class/net") / NODE_BRIDGE).exists():
        run(["ip", "link", "add", NODE_BRIDGE, "type", "bridge"], seconds=10)
    run(["ip", "address", "replace", f"{NODE_ADDRESS}/32", "dev", NODE_BRIDGE], seconds=10)
    run(["ip", "link", "set", NODE_BRIDGE, "up"], seconds=10)


def remove_bridges() -> None:
    """The node's bridge and the pods'. The pods' ends of links went with their namespaces."""
    for bridge in (POD_BRIDGE, NODE_BRIDGE):
        ports = Path("/sys/class/net") / bridge / "brif"
        for port in list(ports.iterdir()) if ports.is_dir() else ():
            # The kernel removes the ends of links of a namespace that is gone, at this very moment perhaps.
            succeeds(["ip", "link", "delete", port.name])
        if ports.parent.exists():
            run(["ip", "link", "delete", bridge], seconds=10)


def cgroup_folders() -> list[Path]:
    """Our root in every hierarchy that this machine mounts (one with cgroup v2, about ten with v1)."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / CGROUP]
    return [folder / CGROUP for folder in sorted(CGROUPS.iterdir()) if folder.is_dir() and not folder.is_symlink()]


def add_cgroups() -> None:
    """Make our roots. In v1 a cpuset without processors and memory nodes admits no process."""
    for folder in cgroup_folders():
        folder.mkdir(exist_ok=True)
        if folder.parent.name == "cpuset":
            for name in ("cpuset.cpus", "cpuset.mems"):
                (folder / name).write_text((folder.parent / name).read_text())


def remove_cgroups() -> None:
    """Remove our roots, deepest first. A process that was killed keeps its group for a moment. Raises Temporary."""
    wait_until("control groups are empty", _try_remove_cgroups, seconds=15)


def _try_remove_cgroups() -> bool:
    for root in cgroup_folders():
        for folder, _, _ in os.walk(root, topdown=False):
            try:
                Path(folder).rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
    return True


def mounts() -> list[str]:
    """All mount points, deepest first (proc(5): blanks and backslashes come as octal escapes)."""
    points = [line.split()[4] for line in MOUNTS.read_text().splitlines()]
    return sorted((point.encode().decode("unicode_escape") for point in points), reverse=True)


def mounts_below(folder: Path) -> list[str]:
    """Mount points below a folder, deepest first."""
    return [point for point in mounts() if point.startswith(f"{folder}/")]


def unmount_below(folder: Path) -> None:
    """Take down every mount below a folder; a mount may lie over another, so it is asked until none is left."""
    for _ in range(5):
        points = mounts_below(folder)
        if not points:
            return
        for point in points:
            if not succeeds(["umount", point]):
                succeeds(["umount", "--lazy", point])


def proxy_tables() -> list[str]:
    """kube-proxy's tables of packet rules that are there: `ip`, `ip6` or both."""
    return [family for family in PROXY_TABLES if succeeds(["nft", "list", "table", family, "kube-proxy"])]


def remove_proxy_tables() -> None:
    """Drop kube-proxy's tables. (`kube-proxy --cleanup` would also touch what others have on this machine.)"""
    for family in proxy_tables():
        run(["nft", "delete", "table", family, "kube-proxy"], seconds=10)


def remove_policies() -> None:
    """Drop the rules that made NetworkPolicies hold."""
    if succeeds(["nft", "list", "table", "inet", TABLE]):
        run(["nft", "delete", "table", "inet", TABLE], seconds=10)


def remove_foreign_files(layout: Layout) -> None:
    """What components leave outside our folder: results of CNI plugins, sockets of shims, links to logs."""
    for pattern in (f"{CNI_NETWORK}-*", "cni-loopback-*"):
        for result in Path("/var/lib/cni/results").glob(pattern):
            result.unlink(missing_ok=True)
    # `up` refuses to start beside another containerd that has shims, so these sockets are ours, and nobody listens.
    for socket in Path("/run/containerd/s").glob("*"):
        socket.unlink(missing_ok=True)
    Path("/var/lib/kubelet/device-plugins/kubelet.sock").unlink(missing_ok=True)
    links = Path("/var/log/containers")
    for link in links.iterdir() if links.is_dir() else ():
        if link.is_symlink() and str(link.readlink()).startswith(str(layout.state)):
            link.unlink()
    for folder in FOREIGN_FOLDERS:
        _prune(folder)


def _prune(folder: Path) -> None:
    for each, _, _ in os.walk(folder, topdown=False):
        if not any(Path(each).iterdir()):
            Path(each).rmdir()


def remove_folders(layout: Layout, *, keep: bool) -> None:
    """Drop our folder; with `keep` only what is of no use without its processes: etcd and volumes stay."""
    if not layout.state.exists():
        return
    kept = {layout.data, layout.pki} if keep else set()
    for name in ("cni", "kubelet", "pod-logs", "volume-plugins") if keep else ():
        shutil.rmtree(layout.data / name, ignore_errors=True)
    for entry in layout.state.iterdir():
        if entry in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    if not keep:
        layout.state.rmdir()
