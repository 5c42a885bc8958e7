"""`kubectl campaign hold`: nothing more goes out, whatever else is down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from herold.cli.command import command
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_name

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster

# The operator has this long to confirm; then the read service is asked, so that it is held within two seconds.
OPERATOR_SECONDS = 0.8
READER_SECONDS = 5.0
AFTERWARDS_SECONDS = 3.0


@command("hold", 'kubectl campaign hold spring-sale -n campaigns-shop --reason "wrong price"')
@with_name()
@with_cluster
@click.option("--reason", required=True, help="Why; shown to whoever finds the hold.")
@as_output("table", "json")
def hold(
    name: str, namespace: str | None, context: str | None, kubeconfig: str | None, reason: str, format_: str
) -> None:
    """Hold a campaign until it is released.

    Writes the annotation herold.dev/hold, which no sync of Git undoes, and waits until it holds. When the operator does
    not confirm that at once, the read service puts the hold into the ledger.
    """
    from herold.cli.output import print_json

    if not reason.strip():
        raise click.BadParameter("say why", param_hint="--reason")
    cluster, where = open_cluster(kubeconfig, context, namespace)
    told = _hold(cluster, where, name, reason)
    if format_ == "json":
        print_json(told)
        return
    by = {"operator": "", "readService": "; the operator has not confirmed, the read service did it"}
    if told["by"] is None:
        click.echo(f"{told['campaign']}: annotated. It is over ({told['state']}), nothing of it goes out any more")
        return
    last = f"; last count: {told['counted']}" if told["counted"] else ""
    click.echo(f"{told['campaign']} is held: {told['seconds']:.1f} s{by[told['by']]}{last}")


def _hold(cluster: Cluster, namespace: str, name: str, reason: str) -> dict[str, Any]:
    from herold_kubectl.confirming import counted, is_held, is_over, status_of
    from herold_kubectl.waiting import wait_status
    from herold_operator.annotations import HOLD_ANNOTATION

    began = time.monotonic()
    campaign = cluster.annotate(namespace, name, {HOLD_ANNOTATION: reason})
    hold, by = None, None
    if not is_over(campaign):
        # A status that says so already may be older than what is true: only a new one confirms.
        fresh = not is_held(campaign, reason)
        seen = fresh and wait_status(
            cluster, namespace, name, lambda each: is_held(each, reason), until=began + OPERATOR_SECONDS
        )
        if seen:
            campaign, by = seen, "operator"
        else:
            hold, by = _without_operator(cluster, namespace, name, reason, began)
    return {
        "campaign": f"{namespace}/{name}",
        "held": by is not None,
        "by": by,
        "hold": hold,
        "seconds": round(time.monotonic() - began, 3),
        "reason": reason,
        "state": status_of(campaign).get("state"),
        "counts": status_of(campaign).get("counts"),
        "counted": counted(campaign),
    }


def _without_operator(cluster: Cluster, namespace: str, name: str, reason: str, began: float) -> tuple[int | None, str]:
    """Have the read service do it; the hold's id, and who confirmed. Raises Temporary when nobody did."""
    from herold.errors import HeroldError, Temporary
    from herold_kubectl.confirming import is_held
    from herold_kubectl.reading import ask_reader
    from herold_kubectl.waiting import wait_status
    from herold_reader.protocol import Ask

    try:
        told = ask_reader(cluster, Ask.HOLD, namespace, name, body={}, seconds=READER_SECONDS)
    except HeroldError as error:
        until = time.monotonic() + AFTERWARDS_SECONDS
        if wait_status(cluster, namespace, name, lambda each: is_held(each, reason), until=until):
            return None, "operator"
        seconds = time.monotonic() - began
        raise Temporary(
            f"{namespace}/{name} is annotated, but nobody has confirmed in {seconds:.0f} s that it is held: "
            f"the operator is silent, and the read service: {error.message}",
            hint=f"it may go on. In a pod that has the ledger's address: herold hold campaign {namespace}/{name}",
        ) from None
    return told["hold"], "readService"
