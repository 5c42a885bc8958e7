"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from herold.errors import HeroldError
from herold.plain import plain
from herold.words import legible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE = 10_000  # columns where nobody looks: lines are cut by whoever reads them


def console(*, err: bool = False) -> Console:
    """For tables and progress. Colours only on a terminal, and not under NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _WIDE
    return Console(stderr=err, width=width, highlight=False, markup=False, emoji=False, soft_wrap=not stream.isatty())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
    """`numbers` names the columns that are aligned to the right."""
    console().print(build_table(columns, rows, numbers=numbers))


def build_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> Table:
    """The same, not printed yet."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(_cell(value)) for value in row])
    return table


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """`name: value`, one a line, values below each other."""
    pairs = [(name, _cell(value)) for name, value in fields]
    wide = max((len(name) for name, _ in pairs), default=0) + 2
    for name, value in pairs:
        click.echo(f"{name + ':':<{wide}}{value}")


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_json_list(values: Iterable[object]) -> None:
    """The same for a list that may not fit into memory: one element a line."""
    click.echo("[", nl=False)
    for index, value in enumerate(values):
        click.echo(("," if index else "") + "\n" + json.dumps(plain(value), ensure_ascii=False), nl=False)
    click.echo("\n]")


def note(text: str) -> None:
    """A word to a person, on standard error, so that standard output stays what was asked for."""
    click.echo(legible(text), err=True)


def write_file(path: Path, content: str) -> None:
    """A page that was asked for. Raises HeroldError when it can't be written."""
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise HeroldError(f"{path} can't be written: {error.strerror}") from None
    note(f"wrote {path}")


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else legible(str(value))
