"""`herold validate`: every mistake of every file, at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from herold.cli.command import as_format, command


@command("validate", "herold validate gitops/campaigns/test", "herold validate -o json campaigns/ | jq .mistakes")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_format("table", "json")
def validate(paths: tuple[Path, ...], format_: str) -> None:
    """Check campaigns and all that they name.

    Names every mistake with its file, line and path, and what to write instead. Nothing is sent, no ledger is needed.
    """
    from herold.cli.files import load_files
    from herold.cli.output import print_json, print_table
    from herold.errors import InvalidInput
    from herold.settings import read_settings

    settings = read_settings()
    try:
        catalogue = load_files(paths, settings)
    except InvalidInput as error:
        if format_ == "json":
            print_json({"valid": False, "resources": {}, "mistakes": error.mistakes})
        raise
    counts = Counter(key[0] for key in catalogue.resources)
    if format_ == "json":
        print_json({"valid": True, "resources": dict(sorted(counts.items())), "mistakes": []})
        return
    print_table(("KIND", "COUNT"), sorted(counts.items()), numbers=("COUNT",))
    click.echo("no mistakes")
