"""`kubectl campaign release`: let a campaign go on that the annotation holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from herold.cli.command import command
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_name

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster

CONFIRM_SECONDS = 5.0


@command("release", "kubectl campaign release spring-sale -n campaigns-shop")
@with_name()
@with_cluster
@as_output("table", "json")
def release(name: str, namespace: str | None, context: str | None, kubeconfig: str | None, format_: str) -> None:
    """End the hold that `hold` put on: the campaign goes on where it was, unless something else holds it.

    Says which holds remain, and who put them on.
    """
    from herold.cli.output import print_json

    cluster, where = open_cluster(kubeconfig, context, namespace)
    told = _release(cluster, where, name)
    if format_ == "json":
        print_json(told)
        return
    if told["released"]:
        click.echo(f"{told['campaign']} is released: {told['seconds']:.1f} s")
    else:
        click.echo(f"{told['campaign']} has no annotation herold.dev/hold: there is nothing to release")
    for each in told["remaining"]:
        click.echo(f"still held by {each}")
    if told["remaining"]:
        click.echo("these are the ledger's own: herold hold release ID")
    if told["suspended"]:
        click.echo("it is suspended in its spec: write suspend: false in Git")


def _release(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    from herold.errors import Temporary
    from herold_kubectl.confirming import is_annotated, is_held_by_annotation, is_over, other_holds
    from herold_kubectl.waiting import wait_status
    from herold_operator.annotations import HOLD_ANNOTATION

    began = time.monotonic()
    campaign = cluster.campaign(namespace, name)
    annotated = is_annotated(campaign)
    if annotated:
        was_seen = is_held_by_annotation(campaign)
        campaign = cluster.annotate(namespace, name, {HOLD_ANNOTATION: None})
        if not is_over(campaign):
            seen = was_seen and wait_status(
                cluster, namespace, name, lambda each: not is_held_by_annotation(each), until=began + CONFIRM_SECONDS
            )
            if not seen:
                seconds = time.monotonic() - began
                why = f"has not confirmed in {seconds:.0f} s" if was_seen else "never said that it saw it"
                raise Temporary(
                    f"the annotation of {namespace}/{name} is gone, but the operator {why}: it may still be held",
                    hint=f"see: kubectl campaign status {name} -n {namespace}, herold hold list",
                )
            campaign = seen
    return {
        "campaign": f"{namespace}/{name}",
        "released": annotated,
        "seconds": round(time.monotonic() - began, 3),
        "remaining": other_holds(campaign),
        "suspended": (campaign.get("spec") or {}).get("suspend") is True,
    }
