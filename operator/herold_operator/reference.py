"""`python -m herold_operator.reference [--check] [--root FOLDER]`: writes docs/reference/operator.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from herold_operator.events import reference_lines
from herold_operator.reasons import reference_page
from herold_operator.settings import PREFIX, OperatorSettings

PAGE = Path("docs") / "reference" / "operator.md"


def page() -> str:
    """The whole page: conditions and reasons, Events, settings."""
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
    """Write the page, or with `--check` only say whether it is stale (exit code 1)."""
    parser = argparse.ArgumentParser(prog="python -m herold_operator.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when it is stale")
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: here)")
    options = parser.parse_args(arguments)
    path, content = options.root / PAGE, page()
    if path.is_file() and path.read_text(encoding="utf-8") == content:
        return 0
    if options.check:
        print(f"{PAGE} is stale: run `make generate`", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
