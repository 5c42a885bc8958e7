"""Options that commands share, spelled as kubectl spells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster

Function = TypeVar("Function", bound=Callable[..., Any])
_NAMES_SECONDS = 2.0


def with_cluster(function: Function) -> Function:
    """`-n`, `--context`, `--kubeconfig`."""
    file = click.option("--kubeconfig", metavar="FILE", help="Another kubeconfig than $KUBECONFIG or ~/.kube/config.")
    context = click.option("--context", metavar="NAME", help="Another context than the current one.")
    namespace = click.option("-n", "--namespace", metavar="NAMESPACE", help="Namespace; else that of the context.")
    return namespace(context(file(function)))


def with_name(*, required: bool = True) -> Callable[[Function], Function]:
    """The argument NAME."""
    return click.argument("name", required=required, shell_complete=complete_name)


def with_run(function: Function) -> Function:
    """`--run`: another run than the newest."""
    return click.option("--run", "run_id", type=click.IntRange(min=1), help="Another run than the newest, by its id.")(
        function
    )


def as_output(*formats: str) -> Callable[[Function], Function]:
    """`-o`, the first of `formats` unless another is asked for."""
    return click.option(
        "-o",
        "--output",
        "format_",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print it.",
    )


def with_html(function: Function) -> Function:
    """`--html FILE`."""
    from pathlib import Path

    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("--html", type=kind, metavar="FILE", help="Write it as one HTML page.")(function)


def open_cluster(kubeconfig: str | None, context: str | None, namespace: str | None) -> tuple[Cluster, str]:
    """The cluster, and the namespace that is meant. Raises NotFound."""
    from herold_kubectl.cluster import Cluster

    cluster = Cluster(kubeconfig, context)
    return cluster, namespace or cluster.namespace


def complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of Campaigns; nothing when the API does not answer at once."""
    from herold.errors import HeroldError
    from herold_kubectl.cluster import campaign_path

    asked = ctx.params
    try:
        cluster, namespace = open_cluster(asked.get("kubeconfig"), asked.get("context"), asked.get("namespace"))
        found = cluster.items(
            campaign_path(namespace),
            headers={"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"},
            seconds=_NAMES_SECONDS,
        )
        return sorted(each["metadata"]["name"] for each in found if each["metadata"]["name"].startswith(incomplete))
    except HeroldError:
        return []
