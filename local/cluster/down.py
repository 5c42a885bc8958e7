"""Take the cluster down and leave nothing behind; works after an abort anywhere, and twice."""

from __future__ import annotations

from pathlib import Path

from local.cluster import host, traces
from local.cluster.layout import Layout
from local.cluster.process import find, in_cgroup, pid_file, stop, strays
from local.cluster.progress import Progress

from herold.errors import HeroldError

# Nothing may start containers again: first who does, then the containers, then what they need, and etcd at the end.
CONTROL_LOOPS = ("kubelet", "kube-scheduler", "kube-controller-manager", "kube-proxy", "enforcer")
STORES = ("kube-apiserver", "etcd", "containerd")
# PostgreSQL's fast shutdown takes about a second; a worker finishes its window in less.
POD_PATIENCE = 10.0


class LeftBehind(HeroldError):
    """Something is there that was not there before the cluster."""


def take_down(layout: Layout, progress: Progress, *, keep: bool) -> None:
    """Stop everything and put everything back. With `keep` etcd and volumes stay for the next `up`."""
    with progress.step("control loops stop"):
        _stop(layout, CONTROL_LOOPS, patience=15)
    with progress.step("pods stop"):
        _stop_pods()
    with progress.step("API server, etcd and containerd stop"):
        for name in STORES:
            _stop(layout, (name,), patience=10)
        stop(strays(layout, traces.NAMES), patience=0.5)
    with progress.step("mounts, rules, links, control groups, sysctls"):
        host.unmount_below(layout.state)
        host.remove_proxy_tables()
        host.remove_policies()
        host.remove_bridges()
        host.remove_cgroups()
        host.restore_sysctls(layout.run / "sysctls.json")
        host.remove_foreign_files(layout)


def _stop(layout: Layout, names: tuple[str, ...], *, patience: float) -> None:
    stop([running for name in names if (running := find(layout, name))], patience=patience)
    for name in names:
        pid_file(layout, name).unlink(missing_ok=True)


def _stop_pods() -> None:
    roots = host.cgroup_folders()
    pods = in_cgroup(roots)
    stop(pods, patience=POD_PATIENCE)
    # Whoever was started while the others ended.
    stop(in_cgroup(roots), patience=0)


def check(layout: Layout, progress: Progress, *, keep: bool) -> None:
    """Remove our folder and print, kind by kind, what there was before and what there is now. Raises LeftBehind."""
    before = read_before(layout)
    with progress.step("our folder"):
        host.remove_folders(layout, keep=keep)
    after = traces.take(layout)
    left = []
    for difference in traces.compare(before or after, after):
        new = [each for each in difference.new if not (keep and Path(each) in {layout.state, layout.data, layout.pki})]
        left += new
        progress.say(
            f"{difference.kind:10s} before {difference.before:4d}, after {difference.after:4d}, left {len(new)}"
        )
    if left:
        listed = "\n".join(f"  {each}" for each in left)
        raise LeftBehind(
            f"this was not there before the cluster:\n{listed}", hint="it may be somebody else's: look first"
        )
    progress.say("down: as before" if before else "down: nothing was up")


def read_before(layout: Layout) -> traces.Traces | None:
    """The traces from before `up`; None when there was none."""
    file = traces.file_of(layout)
    return traces.from_json(file.read_text()) if file.exists() else None
