"""Options that say which person is meant; addresses never stand among arguments, which everybody on a machine sees."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from herold.cli.command import Function

if TYPE_CHECKING:
    from herold.contacts.finding import Who

_LONGEST_LINE = 1_000


def with_person(function: Function) -> Function:
    """`--contact`, `--external-id`, `--address-stdin`."""
    by_address = click.option("--address-stdin", is_flag=True, help="The person, by the address on standard input.")
    by_external = click.option("--external-id", help="The person, by the company's id.")
    by_id = click.option("--contact", "contact_id", type=click.IntRange(min=1), help="The person, by the ledger's id.")
    return by_id(by_external(by_address(function)))


def is_named(contact_id: int | None, external_id: str | None, *, address_stdin: bool) -> bool:
    """Whether anybody is named. Raises UsageError when somebody is named twice."""
    named = (contact_id is not None) + (external_id is not None) + address_stdin
    if named > 1:
        raise click.UsageError("name the person once: one of --contact, --external-id and --address-stdin")
    return named == 1


def person(contact_id: int | None, external_id: str | None, *, address_stdin: bool) -> Who:
    """Who is meant; reads standard input for an address. Raises UsageError when nobody is."""
    from herold.contacts.finding import ContactId, ExternalId, MailAddress

    if not is_named(contact_id, external_id, address_stdin=address_stdin):
        raise click.UsageError("say who is meant: one of --contact, --external-id and --address-stdin")
    if contact_id is not None:
        return ContactId(contact_id)
    if external_id is not None:
        return ExternalId(external_id)
    return MailAddress(sys.stdin.readline(_LONGEST_LINE).strip())
