"""`herold explain`: why this person did, or did not, get it."""

from __future__ import annotations

import click

from herold.cli.command import as_format, command, with_run
from herold.cli.person import person, with_person


@command(
    "explain",
    "herold explain spring-sale --contact 4711",
    "herold explain spring-sale --external-id C-20931",
    "herold explain spring-sale --address-stdin < address.txt",
)
@with_run
@with_person
@as_format("table", "json")
def explain(
    campaign: str | None,
    run_id: int | None,
    contact_id: int | None,
    external_id: str | None,
    format_: str,
    *,
    address_stdin: bool,
) -> None:
    """Say why one person did or did not get a campaign.

    Whether they were in its audience and why not, when it was tried and what the server answered, or what it waits
    for. No address and no name is printed.
    """
    from herold.cli.output import print_json
    from herold.contacts.finding import find
    from herold.explaining import explain as look_up
    from herold.ledger.lookup import find_run
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    who = person(contact_id, external_id, address_stdin=address_stdin)
    with open_ledger(settings) as ledger:
        found = find_run(ledger.connection, campaign, run_id)
        explanation = look_up(ledger.connection, found, find(ledger.connection, who, key=ledger.key))
    if format_ == "json":
        print_json(explanation.to_json())
    else:
        for sentence in explanation.sentences:
            click.echo(sentence)
