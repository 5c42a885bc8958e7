"""The stack `local-test` on a cluster that runs: what `make up` calls, and `make preview STACK=local-test`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from local.cluster.layout import CHECKOUT, NODE, Layout
from local.cluster.progress import Progress
from local.engine.changes import brief
from local.engine.session import Judged, Session
from local.engine.stack_file import write_whole
from local.engine.tools import Engine, build_engine

from herold.errors import HeroldError, NotFound

STACK = "local-test"
# Folders of the node that its volumes want, for as many members as there may be; said here, because the programs that
# want them take two seconds to import.
SERVICES, MOST_MEMBERS = ("postgres", "redis", "rabbitmq"), 3
VOLUMES = (*(f"{service}-{number}" for service in SERVICES for number in range(MOST_MEMBERS)), "postgres-backups")
# Members of three services that come up one after the other.
SECONDS = 1800.0
VALUES = "values.json"
# Of a cluster that is not ours.
ELSEWHERE = CHECKOUT / "build" / "local-test"
CONTEXT = "HEROLD_CONTEXT"


class NotApplied(HeroldError):
    """The engine, a policy or the cluster refused the stack."""


def find_kubeconfig(layout: Layout, environ: Mapping[str, str]) -> Path:
    """The one that the environment names, else that of the local cluster. Raises NotFound."""
    told = environ.get("KUBECONFIG")
    path = Path(told) if told else layout.kubeconfig
    if not path.is_file():
        raise NotFound(f"there is no kubeconfig {path}", hint="make up starts a cluster; or set KUBECONFIG to one's")
    return path


def open_session(
    engine: Engine, folder: Path, kubeconfig: Path, values: Mapping[str, Any], *, context: str | None = None
) -> Session:
    """A session that really applies. `values` go over those of the stack's file; `context`: the kubeconfig's."""
    return Session(
        engine,
        folder,
        STACK,
        values={**values, **({"context": context} if context else {})},
        environ={"KUBECONFIG": str(kubeconfig.resolve())},
        real=True,
        seconds=SECONDS,
    )


def folder_of(layout: Layout) -> Path:
    """Where the state of the local cluster's stack is: with its data, so that it goes and stays with them."""
    return layout.data / "pulumi"


def apply(
    layout: Layout,
    kubeconfig: Path,
    images: Mapping[str, str],
    progress: Progress,
    over: Mapping[str, Any] = MappingProxyType({}),
) -> Judged:
    """Make it so, whatever an earlier one left or somebody changed. Raises NotApplied, with the engine's words.

    `images`: by name, by digest, as they were built here. `over`: other settings: `{"postgres": {"members": 3}}`.
    The folders of the volumes are there already.
    """
    volumes = {"folder": str(layout.volumes), "node": NODE}
    values = {"images": dict(images), "volumes": volumes, **over}
    if lacking := sorted(_wanted_images() - images.keys()):
        raise NotApplied(f"no image was built for {', '.join(lacking)} of pulumi/stacks/Pulumi.{STACK}.yaml")
    folder = folder_of(layout)
    session = open_session(build_engine(progress), folder, kubeconfig, values)
    with progress.step(f"pulumi up {STACK}"):
        session.prepare()
        # Before the act: a preview of later asks for the same.
        write_whole(folder / VALUES, json.dumps(values))
        judged = session.up(refresh=True)
    for line in brief(judged.changes):
        progress.say(f"  {line}")
    if not judged.ok:
        raise NotApplied(f"pulumi up -s {STACK} was refused:\n{judged.text}")
    return judged


def session_of(layout: Layout, environ: Mapping[str, str], progress: Progress) -> Session:
    """For a preview: the local cluster, with the values of its last `apply`; another one, as if nothing was made."""
    kubeconfig = find_kubeconfig(layout, environ)
    if kubeconfig.resolve() != layout.kubeconfig.resolve():
        return open_session(
            build_engine(progress), ELSEWHERE, kubeconfig, {}, context=environ.get(CONTEXT) or _current(kubeconfig)
        )
    stored = folder_of(layout) / VALUES
    values = json.loads(stored.read_text()) if stored.exists() else {}
    return open_session(build_engine(progress), folder_of(layout), kubeconfig, values)


def _current(kubeconfig: Path) -> str | None:
    content = yaml.safe_load(kubeconfig.read_text())
    return content.get("current-context") if isinstance(content, dict) else None


def _wanted_images() -> set[str]:
    stack = yaml.safe_load((CHECKOUT / "pulumi" / "stacks" / f"Pulumi.{STACK}.yaml").read_text())
    return set(stack["config"]["herold:stack"]["images"])
