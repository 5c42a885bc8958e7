"""The components, built from pinned Go modules once and kept in the cache under a key of what they are made from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from local.cluster.layout import CHECKOUT
from local.command import run

SOURCES = CHECKOUT / "local" / "tools"
BUILD_SECONDS = 3600


@dataclass(frozen=True)
class Tool:
    """Programs of one Go module below local/tools: `output` names a single program, else every `tool` line is built."""

    module: str
    package: str = "tool"
    output: str = ""
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def link_flags(self) -> str:
        """Flags of the linker: no symbols, and the version that a component says it is."""
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in self.variables)])


KUBERNETES_VERSION = "v1.34.4"
_VERSION = "k8s.io/component-base/version."
NODE_TOOLS = (
    Tool("pause", package=".", output="pause"),
    Tool("etcd", output="etcd"),
    Tool(
        "kubernetes",
        # Without them `kubectl version` fails and clients take the server for v0.0.0.
        variables=(
            (_VERSION + "gitVersion", KUBERNETES_VERSION),
            (_VERSION + "gitMajor", "1"),
            (_VERSION + "gitMinor", "34"),
        ),
    ),
    Tool("coredns", package=".", output="coredns"),
)
METRICS_SERVER = Tool("metrics-server", output="metrics-server")
TOOLS = (*NODE_TOOLS, METRICS_SERVER)
ARGO_CD_VERSION = "v3.5.3"
ARGO_CD_MODULE = "github.com/argoproj/argo-cd/v3"
ARGO_CD = Tool(
    "argocd",
    output="argocd",
    # One program: which part of Argo CD it is says the name by which it is called.
    variables=((f"{ARGO_CD_MODULE}/common.version", ARGO_CD_VERSION.removeprefix("v")),),
)
# Only its kinds are taken, so that what Git holds for a cloud is judged by them; it does not run here.
EXTERNAL_SECRETS_MODULE = "github.com/external-secrets/external-secrets"
EXTERNAL_SECRETS = Tool("external-secrets")
KUSTOMIZE = Tool("kustomize", output="kustomize")
DELIVERY_TOOLS = (ARGO_CD, KUSTOMIZE)


def key_of(tool: Tool, folder: Path, go_version: str) -> str:
    """Sixteen hex digits that change with the module's files, the linker's flags, or the compiler."""
    digest = hashlib.sha256()
    for part in (tool.package, tool.output, tool.link_flags, go_version):
        digest.update(part.encode() + b"\0")
    for path in sorted(folder.iterdir()):
        if path.suffix in {".go", ".mod", ".sum"}:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def folder_of(tool: Tool, cache: Path, go_version: str) -> Path:
    """Where its programs lie, built or not."""
    return cache / "tools" / f"{tool.module}-{key_of(tool, SOURCES / tool.module, go_version)}"


def build(tool: Tool, folder: Path) -> None:
    """Build into the cache. An aborted build leaves a `.partial` folder, which the next one replaces."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    target = f"{partial}/{tool.output}"
    # Static, so that a program alone can be a container image; the lowest priority, so that the machine stays usable.
    run(
        ["nice", "-n", "15", "go", "build", "-trimpath", "-ldflags", tool.link_flags, "-o", target, tool.package],
        seconds=BUILD_SECONDS,
        environ={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
        folder=SOURCES / tool.module,
    )
    partial.rename(folder)


def go_version() -> str:
    """What the compiler calls itself, `go1.26.8`."""
    return run(["go", "env", "GOVERSION"], seconds=30).strip()


@dataclass(frozen=True)
class Programs:
    """Where the built programs are."""

    folders: tuple[Path, ...]

    def path(self, name: str) -> Path:
        """The program of that name. Raises FileNotFoundError."""
        for folder in self.folders:
            if (folder / name).exists():
                return folder / name
        raise FileNotFoundError(name)


def programs(cache: Path, version: str, tools: Iterable[Tool] = TOOLS) -> Programs:
    """The programs of these tools, built or not."""
    return Programs(tuple(folder_of(tool, cache, version) for tool in tools))


def module_folder(tool: Tool, module: str) -> Path:
    """Where the sources of a module lie, at the version of the tool's go.mod; fetched if need be."""
    said = run(
        ["go", "mod", "download", "-json", module],
        seconds=BUILD_SECONDS,
        environ={**os.environ, "GOWORK": "off"},
        folder=SOURCES / tool.module,
    )
    return Path(json.loads(said)["Dir"])
