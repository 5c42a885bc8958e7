"""`kubectl campaign status`: is it going well, and what is to be done?"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from herold.cli.command import command
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_name

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster
    from herold_kubectl.pace import Pacer
    from herold_kubectl.screen import View

_WIDE = 120  # columns where nobody looks
_WIDEST, _NARROWEST = 100, 40


@command(
    "status",
    "kubectl campaign status",
    "kubectl campaign status spring-sale -n campaigns-shop --watch",
    "kubectl campaign status -A -o json",
)
@with_name(required=False)
@with_cluster
@click.option("-A", "--all-namespaces", is_flag=True, help="Campaigns of all teams.")
@click.option("-w", "--watch", is_flag=True, help="Look again every two seconds, until it is over or you interrupt.")
@as_output("table", "json")
def status(
    name: str | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    format_: str,
    *,
    all_namespaces: bool,
    watch: bool,
) -> None:
    """One campaign on one screen, or all of them, those first that need somebody.

    What stands in its way and what to do about it, counts with rate and time left, its sender's workers, what happened
    last. Asks the Kubernetes API alone; counts are at most 15 seconds old.
    """
    if watch and format_ == "json":
        raise click.UsageError("--watch is for people; programs: kubectl get campaign NAME -w -o json")
    if name is not None and all_namespaces:
        raise click.UsageError("a campaign has one namespace: -n NAMESPACE, not -A")
    from herold_kubectl.listing import list_campaigns
    from herold_kubectl.pace import Pacer

    cluster, where = open_cluster(kubeconfig, context, namespace)
    if name is None:
        list_campaigns(cluster, None if all_namespaces else where, format_, watch=watch)
    elif watch:
        _watch(cluster, where, name)
    elif format_ == "json":
        from herold.cli.output import print_json

        print_json(view_json(look(cluster, where, name, Pacer())))
    else:
        click.echo("\n".join(_lines(look(cluster, where, name, Pacer()), blocks=_has_blocks())))


def look(cluster: Cluster, namespace: str, name: str, pacer: Pacer) -> View:
    """One look at everything. Raises NotFound."""
    from herold_kubectl.observing import read_events, read_workers
    from herold_kubectl.screen import View
    from herold_kubectl.troubles import find_troubles

    campaign = cluster.campaign(namespace, name)
    pace = pacer.pace(campaign.get("status") or {})
    events = read_events(cluster, namespace, name)
    return View(campaign, find_troubles(campaign), pace, read_workers(cluster, campaign), events)


def view_json(view: View) -> dict[str, Any]:
    """As `-o json` prints it. `workers` and `events` are null where one may not read them."""
    from herold.plain import plain
    from herold_kubectl.confirming import settled

    metadata, state = view.campaign["metadata"], view.campaign.get("status") or {}
    counts = state.get("counts")
    return {
        "campaign": f"{metadata['namespace']}/{metadata['name']}",
        "state": state.get("state"),
        "generation": metadata.get("generation"),
        "observedGeneration": state.get("observedGeneration"),
        "run": state.get("run"),
        "counts": {**counts, "waiting": counts["planned"] - settled(counts)} if counts else None,
        "countedTime": (state.get("ledger") or {}).get("observedTime"),
        "nextSendTime": state.get("nextSendTime"),
        "pace": plain(view.pace),
        "troubles": plain(view.troubles),
        "workers": plain(view.workers),
        "events": plain(view.events),
    }


def _has_blocks() -> bool:
    """Whether what is printed may have more than letters."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _lines(view: View, *, blocks: bool) -> list[str]:
    from herold_kubectl.screen import build_screen

    columns = shutil.get_terminal_size((_WIDE, 24)).columns
    return build_screen(view, max(_NARROWEST, min(columns, _WIDEST)), blocks=blocks)


def _watch(cluster: Cluster, namespace: str, name: str) -> None:
    from rich.text import Text

    from herold_kubectl.confirming import is_over
    from herold_kubectl.pace import Pacer
    from herold_kubectl.redrawing import show_again

    pacer, blocks = Pacer(), _has_blocks()

    def show() -> tuple[Text, bool]:
        view = look(cluster, namespace, name, pacer)
        return Text("\n".join(_lines(view, blocks=blocks))), is_over(view.campaign)

    show_again(show)
