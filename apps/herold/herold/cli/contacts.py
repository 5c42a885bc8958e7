"""`herold contacts`: people in, people out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from herold.cli.command import Function, Group, as_format, confirm, with_actor, with_yes
from herold.cli.person import is_named, person, with_person

if TYPE_CHECKING:
    from herold.contacts.events import HistoryResult
    from herold.contacts.importing import ImportResult
    from herold.contacts.rejects import Format
    from herold.processes.ledger import OpenLedger
    from herold.resources.contact_schema import ContactSchema
    from herold.settings import Settings

_SUFFIXES: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@click.group(
    "contacts",
    cls=Group,
    examples=(
        "herold contacts import customers.csv --schema-from gitops/campaigns/test --source shop",
        "herold contacts export --schema-from gitops/campaigns/test --to contacts.jsonl",
        'herold contacts erase --external-id C-20931 --reason "request of 3 March"',
    ),
)
def contacts() -> None:
    """Import, export and erase people."""


def _with_schema(*, required: bool) -> Callable[[Function], Function]:
    return click.option(
        "--schema-from",
        "paths",
        type=click.Path(path_type=Path),
        multiple=True,
        required=required,
        help="File or folder with the ContactSchema; may be repeated.",
    )


_with_schema_name = click.option("--schema", "schema_name", help="Which ContactSchema, where the files have several.")
_with_kind = click.option(
    "--file-format", "kind", type=click.Choice(["csv", "jsonl"]), help="Form of the file; else its name tells."
)


@contacts.command(
    "import",
    examples=(
        "herold contacts import customers.csv --schema-from gitops/campaigns/test --source shop",
        "herold contacts import orders.jsonl --what orders --schema-from gitops/campaigns/test --source shop",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@_with_schema(required=True)
@_with_schema_name
@click.option("--source", required=True, help="Where the people come from; recorded with each consent.")
@click.option("--what", type=click.Choice(["people", "events", "orders"]), default="people", show_default=True)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where to write what was not taken, and why. [default: FILE.rejects]",
)
@_with_kind
@as_format("table", "json")
def import_(
    file: Path,
    paths: tuple[Path, ...],
    schema_name: str | None,
    source: str,
    what: str,
    rejects: Path | None,
    kind: Format | None,
    format_: str,
) -> None:
    """Import people, events or orders from CSV or JSON Lines; - reads standard input.

    A row changes what it names and nothing else: blank is not delete. A consent that was withdrawn is not granted
    again without newer evidence. The same file may be imported again. Rows that are not taken stand in the rejects
    file, which holds personal data and is readable by its owner only.
    """
    from herold.cli.output import note, print_fields, print_json
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    form = _form(file, kind)
    refused = rejects or (Path("contacts.rejects") if _is_dash(file) else file.with_name(f"{file.name}.rejects"))
    schema = _schema(paths, schema_name, settings)
    with open_ledger(settings) as ledger:
        result = _import(ledger, sys.stdin.buffer if _is_dash(file) else file, what, form, schema, source, refused)
    if format_ == "json":
        print_json(result)
    else:
        from dataclasses import fields

        told = [(each.name.replace("_", " "), getattr(result, each.name)) for each in fields(result)]
        print_fields((name, value) for name, value in told if name != "reasons")
    if result.reasons:
        why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(result.reasons.items()))
        note(f"not taken ({why}): see {refused}")


def _import(
    ledger: OpenLedger,
    stream: Path | BinaryIO,
    what: str,
    form: Format,
    schema: ContactSchema,
    source: str,
    rejects: Path,
) -> ImportResult | HistoryResult:
    from herold.cli.counting import counted
    from herold.contacts.events import import_events
    from herold.contacts.importing import import_contacts
    from herold.contacts.orders import import_orders

    with counted("rows read", "merged") as (on_read, on_progress):
        if what == "people":
            return import_contacts(
                ledger.connection,
                stream,
                schema=schema,
                key=ledger.key,
                format=form,
                source=source,
                rejects=rejects,
                on_read=on_read,
                on_progress=on_progress,
            )
        if what == "events":
            return import_events(
                ledger.connection,
                stream,
                schema=schema,
                format=form,
                rejects=rejects,
                on_read=on_read,
                on_progress=on_progress,
            )
        return import_orders(
            ledger.connection, stream, format=form, rejects=rejects, on_read=on_read, on_progress=on_progress
        )


@contacts.command(
    "export",
    examples=(
        "herold contacts export --schema-from gitops/campaigns/test --to contacts.jsonl",
        "herold contacts export --contact 4711 --to answer.json",
    ),
)
@with_person
@_with_schema(required=False)
@_with_schema_name
@_with_kind
@click.option(
    "--to", type=click.Path(path_type=Path), help="A new file, readable by its owner only; else standard output."
)
@with_actor
def export(
    contact_id: int | None,
    external_id: str | None,
    paths: tuple[Path, ...],
    schema_name: str | None,
    kind: Format | None,
    to: Path | None,
    actor: str,
    *,
    address_stdin: bool,
) -> None:
    """Export all people, or all that is held about one person (GDPR, article 15).

    All people come in a form that `import` reads; JSON Lines hold everything, CSV is for spreadsheets. One person comes
    as one JSON object. Every export is recorded in the audit.
    """
    from herold.cli.output import note
    from herold.contacts.exporting import export_contact, export_contacts
    from herold.errors import HeroldError
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    one = is_named(contact_id, external_id, address_stdin=address_stdin)
    if not one and not paths:
        raise click.UsageError("name one person, or for all people the --schema-from that declares their attributes")
    form: Format = kind or ("jsonl" if to is None or one else _form(to, None))
    who = person(contact_id, external_id, address_stdin=address_stdin) if one else None
    schema = None if one else _schema(paths, schema_name, settings)
    with open_ledger(settings) as ledger:
        out = _out(to)
        try:
            if who is not None:
                number = export_contact(ledger.connection, who, out, key=ledger.key, actor=actor)
                told = f"exported contact {number}"
            else:
                assert schema is not None
                people = export_contacts(ledger.connection, out, format=form, schema=schema, actor=actor)
                told = f"exported {people:,} people"
            out.flush()
        except (HeroldError, OSError):
            if to is not None:
                to.unlink()  # half an export is taken for a whole one
            raise
        finally:
            if to is not None:
                out.close()
    note(told + (f" to {to}" if to else ""))


@contacts.command(
    "erase",
    examples=(
        'herold contacts erase --contact 4711 --reason "request of 3 March"',
        'herold contacts erase --address-stdin --reason "request of 3 March" --yes < address.txt',
    ),
)
@with_person
@click.option("--reason", required=True, help="Why, for the audit; keep personal data out of it.")
@click.option(
    "--suppress/--no-suppress",
    default=True,
    show_default=True,
    help="Keep a hash of the address, so that it is never mailed again.",
)
@with_actor
@with_yes
@as_format("table", "json")
def erase(
    contact_id: int | None,
    external_id: str | None,
    reason: str,
    actor: str,
    format_: str,
    *,
    address_stdin: bool,
    suppress: bool,
    yes: bool,
) -> None:
    """Erase one person (GDPR, article 17). This can't be undone; the books of past runs stay complete."""
    from herold.cli.output import print_fields, print_json
    from herold.contacts.erasing import erase as forget
    from herold.contacts.finding import ContactId, find
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    who = person(contact_id, external_id, address_stdin=address_stdin)
    with open_ledger(settings) as ledger:
        number = find(ledger.connection, who, key=ledger.key)
        confirm(f"Erase contact {number} for good?", yes=yes)
        done = forget(
            ledger.connection, ContactId(number), key=ledger.key, actor=actor, reason=reason, suppress=suppress
        )
    if format_ == "json":
        print_json(done)
        return
    click.echo(f"contact {number} was erased" + (" before: nothing was left to do" if done.already else ""))
    print_fields((name, getattr(done, name)) for name in ("events", "purchases", "consents", "outcomes", "suppressed"))


def _is_dash(file: Path) -> bool:
    return str(file) == "-"


def _form(file: Path, kind: Format | None) -> Format:
    found = kind or _SUFFIXES.get(file.suffix.lower())
    if found is None:
        raise click.UsageError(f"is {file.name} csv or jsonl? Say so with --file-format")
    return found


def _schema(paths: tuple[Path, ...], name: str | None, settings: Settings) -> ContactSchema:
    from herold.cli.files import load_files
    from herold.errors import NotFound
    from herold.resources.contact_schema import ContactSchema

    catalogue = load_files(paths, settings)
    known = [each for each in catalogue.resources.values() if isinstance(each, ContactSchema)]
    found = [each for each in known if name in (None, each.metadata.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(each.metadata.name for each in known)) or "none"
    raise NotFound(f"which ContactSchema? These files have: {names}", hint="name one with --schema")


def _out(to: Path | None) -> BinaryIO:
    from herold.contacts.exporting import export_to
    from herold.errors import Refused

    if to is None:
        return sys.stdout.buffer
    try:
        return export_to(to)
    except FileExistsError:
        raise Refused("FileExists", f"{to} exists already", hint="name a new file") from None
