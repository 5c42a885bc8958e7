"""`herold validate`: every mistake of every file, at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from herold.cli.command import as_format, command, with_policies


@command("validate", "herold validate gitops/campaigns/test", "herold validate -o json campaigns/ | jq .mistakes")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@with_policies
@as_format("table", "json")
def validate(paths: tuple[Path, ...], policies: Path | None, format_: str, *, no_policies: bool) -> None:
    """Check campaigns and all that they name.

    Names every mistake with its file, line and path, and what to write instead. Nothing is sent, no ledger is needed.
    Policies are those by which the API server admits resources; files below campaigns/ENVIRONMENT are judged by that
    environment's parameters, others by those of HEROLD_ENVIRONMENT. All files are judged as if they were new.
    """
    from herold.cli.files import load_files, load_policies
    from herold.cli.output import print_json, print_table
    from herold.errors import InvalidInput
    from herold.settings import read_settings

    settings = read_settings()
    rules = None if no_policies else load_policies(policies)
    judged = len(rules.policies) if rules else 0
    try:
        catalogue = load_files(paths, settings, rules)
    except InvalidInput as error:
        if format_ == "json":
            print_json({"valid": False, "resources": {}, "policies": judged, "mistakes": error.mistakes})
        raise
    counts = Counter(key[0] for key in catalogue.resources)
    if format_ == "json":
        print_json({"valid": True, "resources": dict(sorted(counts.items())), "policies": judged, "mistakes": []})
        return
    print_table(("KIND", "COUNT"), sorted(counts.items()), numbers=("COUNT",))
    click.echo(f"no mistakes; judged by {judged} policies" if judged else "no mistakes; no policies were asked")
