"""The traces that a cluster can leave on a machine, before and after: what is there that was not there before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from local.cluster import host
from local.cluster.layout import Layout
from local.cluster.process import strays
from local.command import CommandFailed, run

NAMES = (
    "etcd",
    "containerd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "enforcer",
)


@dataclass(frozen=True)
class Traces:
    """What there is of each kind, in words: sorted, without repetition."""

    processes: tuple[str, ...]
    mounts: tuple[str, ...]
    links: tuple[str, ...]
    rules: tuple[str, ...]
    cgroups: tuple[str, ...]
    sysctls: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """What one kind of trace came to: how many before and after, and which are new."""

    kind: str
    before: int
    after: int
    new: tuple[str, ...]


def compare(before: Traces, after: Traces) -> list[Difference]:
    """A line for each kind of trace. What has gone meanwhile is nobody's fault here; what is new is."""
    first, second = asdict(before), asdict(after)
    return [
        Difference(kind, len(first[kind]), len(second[kind]), tuple(sorted(set(second[kind]) - set(first[kind]))))
        for kind in first
    ]


def file_of(layout: Layout) -> Path:
    """Where `up` keeps the traces from before it for `down`."""
    return layout.run / "before.json"


def to_json(traces: Traces) -> str:
    """For the file that `up` writes and `down` reads."""
    return json.dumps(asdict(traces), indent=1)


def from_json(text: str) -> Traces:
    """What `to_json` wrote."""
    return Traces(**{kind: tuple(words) for kind, words in json.loads(text).items()})


def take(layout: Layout) -> Traces:
    """The traces at this moment."""
    return Traces(
        processes=tuple(f"pid {process.pid}" for process in strays(layout, NAMES)),
        mounts=tuple(sorted(set(host.mounts()))),
        links=tuple(sorted(path.name for path in Path("/sys/class/net").iterdir())),
        rules=_rules(),
        cgroups=tuple(sorted(str(path) for path in host.CGROUPS.glob("*/*/") if path.is_dir())),
        sysctls=tuple(f"{name} = {value}" for name, value in sorted(host.read_sysctls().items())),
        files=tuple(sorted(_files(layout))),
    )


def _rules() -> tuple[str, ...]:
    try:
        listed = json.loads(run(["nft", "--json", "list", "chains"], seconds=10))
    except CommandFailed:
        return ()
    chains: list[Mapping[str, str]] = [item["chain"] for item in listed["nftables"] if "chain" in item]
    return tuple(sorted(f"{chain['family']} {chain['table']} {chain['name']}" for chain in chains))


def _files(layout: Layout) -> list[str]:
    found = []
    for folder in (*host.FOREIGN_FOLDERS, layout.state):
        if folder.exists():
            found.append(str(folder))
            found += [str(path) for path in folder.iterdir()]
    return found
