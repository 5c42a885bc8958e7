"""`python -m herold_operator.reference [--check] [--root FOLDER]`: writes its pages of docs/reference."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from herold_operator.events import reference_lines
from herold_operator.log_page import logs_page
from herold_operator.reasons import reference_page
from herold_operator.settings import PREFIX, OperatorSettings

FOLDER = Path("docs") / "reference"


def pages() -> dict[str, str]:
    """Every page that is generated here, by its file's name."""
    return {"operator.md": operator_page(), "logs.md": logs_page()}


def operator_page() -> str:
    """Conditions and reasons, Events, settings."""
    lines = [
        reference_page(),
        *reference_lines(),
        "",
        "# Settings of the operator",
        "",
        "Beside those of every process ([settings.md](settings.md)); times are seconds. An unknown or wrong one ends "
        "it, with all mistakes named.",
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in OperatorSettings.model_fields.items():
        default = "the host's name" if name == "identity" else f"`{field.default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or with `--check` only say which are stale (exit code 1)."""
    parser = argparse.ArgumentParser(prog="python -m herold_operator.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when one is stale")
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: here)")
    options = parser.parse_args(arguments)
    are_stale = False
    for name, content in pages().items():
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
