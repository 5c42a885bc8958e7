"""`kubectl campaign explain`: why this person did, or did not, get it."""

from __future__ import annotations

import click

from herold.cli.command import command
from herold.cli.person import person, with_person
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_name, with_run


@command(
    "explain",
    "kubectl campaign explain spring-sale -n campaigns-shop --contact 4711",
    "kubectl campaign explain spring-sale --external-id C-20931",
    "kubectl campaign explain spring-sale --address-stdin < address.txt",
)
@with_name()
@with_run
@with_person
@with_cluster
@as_output("table", "json")
def explain(
    name: str,
    run_id: int | None,
    contact_id: int | None,
    external_id: str | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    format_: str,
    *,
    address_stdin: bool,
) -> None:
    """Say why one person did or did not get a campaign. The ledger's audit tells that you asked.

    No address and no name is printed.
    """
    from herold.cli.output import print_json
    from herold.contacts.finding import ContactId, ExternalId
    from herold_kubectl.reading import ask_reader
    from herold_reader.protocol import Ask

    who = person(contact_id, external_id, address_stdin=address_stdin)
    cluster, where = open_cluster(kubeconfig, context, namespace)
    field = {ContactId: "contactId", ExternalId: "externalId"}.get(type(who), "address")
    body = {field: who.value, **({"run": run_id} if run_id is not None else {})}
    told = ask_reader(cluster, Ask.EXPLAIN, where, name, body=body)
    if format_ == "json":
        print_json(told)
    else:
        for sentence in told["sentences"]:
            click.echo(sentence)
