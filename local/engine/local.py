"""The stack `local-test` on a cluster that runs: what `make up` calls, and `make preview STACK=local-test`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from local.cluster.layout import Layout
from local.cluster.progress import Progress
from local.engine.session import Judged, Session
from local.engine.tools import Engine, build_engine

from herold.errors import HeroldError, NotFound

STACK = "local-test"
# Members of three services that come up one after the other.
SECONDS = 1800.0


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
    engine: Engine, folder: Path, kubeconfig: Path, images: Mapping[str, str], *, context: str | None = None
) -> Session:
    """A session that really applies. `images`: by name, by digest, as they were built on this machine."""
    values: dict[str, object] = {"images": dict(images)} if images else {}
    if context:
        values["context"] = context
    return Session(
        engine,
        folder,
        STACK,
        values=values,
        environ={"KUBECONFIG": str(kubeconfig.resolve())},
        real=True,
        seconds=SECONDS,
    )


def folder_of(layout: Layout) -> Path:
    """Where the state of the local cluster's stack is: with its data, so that it goes and stays with them."""
    return layout.data / "pulumi"


def apply(layout: Layout, kubeconfig: Path, images: Mapping[str, str], progress: Progress) -> Judged:
    """Make it so, whatever an earlier one left or somebody changed. Raises NotApplied, with the engine's words."""
    session = open_session(build_engine(progress), folder_of(layout), kubeconfig, images)
    with progress.step("pulumi up local-test"):
        session.prepare()
        judged = session.up(refresh=True)
    for change in judged.changes:
        progress.say(f"  {change}")
    if not judged.ok:
        raise NotApplied(f"pulumi up -s {STACK} was refused:\n{judged.text}")
    return judged


def session_of(layout: Layout, progress: Progress) -> Session:
    """The session of the cluster that runs, for a preview: with the images that the last `apply` used."""
    kubeconfig = find_kubeconfig(layout, os.environ)
    return open_session(build_engine(progress), folder_of(layout), kubeconfig, {})
