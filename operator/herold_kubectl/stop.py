"""`kubectl campaign stop`: the end of a run, for good."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from herold.cli.command import command, confirm, with_yes
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_name

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster

CONFIRM_SECONDS = 5.0


@command("stop", 'kubectl campaign stop spring-sale -n campaigns-shop --reason "the offer is withdrawn"')
@with_name()
@with_cluster
@click.option("--reason", required=True, help="Why; the audit and the status tell it.")
@with_yes
@as_output("table", "json")
def stop(
    name: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    reason: str,
    format_: str,
    *,
    yes: bool,
) -> None:
    """End a campaign's run for good. Who has not got the message yet does not get it; this can't be undone.

    Writes the annotation herold.dev/stop with the number of the run, so that it never stops a later one.
    """
    from herold.cli.output import print_json
    from herold.errors import Refused
    from herold_kubectl.confirming import is_over, settled, status_of

    cluster, where = open_cluster(kubeconfig, context, namespace)
    campaign = cluster.campaign(where, name)
    state, run = status_of(campaign).get("state"), (status_of(campaign).get("run") or {}).get("id")
    if run is None:
        raise Refused("NoRun", f"{where}/{name} has no run that could be stopped", hint="hold it, or suspend it in Git")
    if is_over(campaign):
        raise Refused("RunIsOver", f"run {run} of {where}/{name} is over: {state}")
    counts = status_of(campaign).get("counts") or {}
    left = counts.get("planned", 0) - settled(counts)
    question = f"Stop run {run} of {where}/{name} for good? {left:,} of {counts.get('planned', 0):,} would not get it."
    confirm(question, yes=yes)
    told = _stop(cluster, where, name, run, reason)
    if format_ == "json":
        print_json(told)
    else:
        last = f"; last count: {told['counted']}" if told["counted"] else ""
        click.echo(f"{told['campaign']}: run {run} is stopped for good: {told['seconds']:.1f} s{last}")


def _stop(cluster: Cluster, namespace: str, name: str, run: int, reason: str) -> dict[str, Any]:
    from herold.errors import Refused, Temporary
    from herold_kubectl.confirming import condition, counted, is_over, is_stopped, status_of
    from herold_kubectl.waiting import wait_status
    from herold_operator.annotations import STOP_ANNOTATION, stop_words
    from herold_operator.reasons import Reason

    began = time.monotonic()
    cluster.annotate(namespace, name, {STOP_ANNOTATION: stop_words(run, reason)})

    def is_answered(campaign: dict[str, Any]) -> bool:
        return is_stopped(campaign, run) or is_over(campaign) or is_refused(campaign)

    def is_refused(campaign: dict[str, Any]) -> bool:
        stated = condition(campaign, "Degraded")
        return stated is not None and stated["reason"] == Reason.STOP_NOT_OBEYED

    campaign = wait_status(cluster, namespace, name, is_answered, until=began + CONFIRM_SECONDS)
    if campaign is None:
        raise Temporary(
            f"{namespace}/{name} is annotated, but the operator has not confirmed in {CONFIRM_SECONDS:.0f} s: "
            f"run {run} goes on until it does",
            hint=f'kubectl campaign hold {name} -n {namespace} --reason "…" needs no operator',
        )
    if is_refused(campaign):
        raise Refused("StopNotObeyed", str((condition(campaign, "Degraded") or {})["message"]))
    if not is_stopped(campaign, run):
        raise Refused("RunIsOver", f"run {run} of {namespace}/{name} came to its end first: {counted(campaign)}")
    return {
        "campaign": f"{namespace}/{name}",
        "run": run,
        "seconds": round(time.monotonic() - began, 3),
        "state": status_of(campaign).get("state"),
        "counts": status_of(campaign).get("counts"),
        "counted": counted(campaign),
    }
