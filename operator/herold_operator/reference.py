"""`python -m herold_operator.reference [--check] [--root FOLDER]`: writes its pages of docs/reference."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from herold_operator import events, notice_body
from herold_operator.reasons import reference_page
from herold_operator.settings import PREFIX, OperatorSettings

FOLDER = Path("docs") / "reference"


def pages() -> dict[str, str]:
    """Every page that is generated here, by its file's name."""
    return {"operator.md": operator_page()}


def operator_page() -> str:
    """Conditions and reasons, Events, notices, settings."""
    settings = settings_lines(OperatorSettings, PREFIX, {"identity": "the host's name"})
    lines = [reference_page(), *events.reference_lines(), "", *notice_body.reference_lines()]
    return "\n".join([*lines, "", "# Settings of the operator", "", *settings]) + "\n"


def settings_lines(model: type[BaseModel], prefix: str, defaults: Mapping[str, str]) -> list[str]:
    """A table of settings; `defaults` are in words what the model finds out by itself."""
    lines = [
        "Beside those of every process ([settings.md](settings.md)); times are seconds. An unknown or wrong one ends "
        "it, with all mistakes named.",
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in model.model_fields.items():
        default = defaults.get(name) or (f"`{field.default}`" if field.default != "" else "")
        lines.append(f"| `{prefix}{name.upper()}` | {default} | {field.description} |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or with `--check` only say which are stale (exit code 1)."""
    return write_pages("herold_operator.reference", pages(), arguments)


def write_pages(module: str, pages: Mapping[str, str], arguments: list[str] | None) -> int:
    """`main` of a module that makes pages of docs/reference, by the names of their files."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description="Writes its pages of docs/reference.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when one is stale")
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: here)")
    options = parser.parse_args(arguments)
    are_stale = False
    for name, content in pages.items():
        path = options.root / FOLDER / name
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        are_stale = True
        if options.check:
            print(f"{FOLDER / name} is stale: run `make generate`", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            print(f"wrote {FOLDER / name}")
    return 1 if options.check and are_stale else 0


if __name__ == "__main__":
    sys.exit(main())
