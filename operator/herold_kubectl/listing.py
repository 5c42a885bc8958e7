"""Many campaigns as a table: those first that need somebody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from herold_kubectl.troubles import find_troubles

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster

COLUMNS = ("CAMPAIGN", "STATE", "TROUBLE", "SENT", "PLANNED", "UNCERTAIN", "NEXT")
NUMBERS = ("SENT", "PLANNED", "UNCERTAIN")


def list_campaigns(cluster: Cluster, namespace: str | None, format_: str, *, watch: bool) -> None:
    """Those of one namespace, or of all (None)."""
    from herold.cli.output import build_table, print_json, print_table
    from herold_kubectl.redrawing import show_again

    def rows() -> list[dict[str, Any]]:
        return [row_of(each) for each in sorted(cluster.campaigns(namespace), key=_urgency)]

    def cells() -> list[tuple[object, ...]]:
        return [_cells(row, whole=namespace is None) for row in rows()]

    if format_ == "json":
        print_json(rows())
    elif watch:
        show_again(lambda: (build_table(COLUMNS, cells(), numbers=NUMBERS), False))
    elif found := cells():
        print_table(COLUMNS, found, numbers=NUMBERS)
    else:
        click.echo("there are no campaigns" + ("" if namespace is None else f" in {namespace}"))


def row_of(campaign: Mapping[str, Any]) -> dict[str, Any]:
    """As `-o json` has it."""
    metadata, state = campaign["metadata"], campaign.get("status") or {}
    counts = state.get("counts") or {}
    return {
        "campaign": f"{metadata['namespace']}/{metadata['name']}",
        "state": state.get("state"),
        "troubles": [each.reason for each in find_troubles(campaign)],
        "sent": counts.get("sent"),
        "planned": counts.get("planned"),
        "uncertain": counts.get("uncertain"),
        "nextSendTime": state.get("nextSendTime"),
    }


def _cells(row: Mapping[str, Any], *, whole: bool) -> tuple[object, ...]:
    name = row["campaign"] if whole else row["campaign"].partition("/")[2]
    others = (row["sent"], row["planned"], row["uncertain"], row["nextSendTime"])
    return (name, row["state"], ", ".join(row["troubles"]), *others)


def _urgency(campaign: Mapping[str, Any]) -> tuple[bool, str, str]:
    metadata = campaign["metadata"]
    return not find_troubles(campaign), metadata["namespace"], metadata["name"]
