"""Completion for shells, of commands, options and campaigns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

VARIABLE = "_HEROLD_COMPLETE"
# Completion happens while somebody waits with a finger on a key.
_FILES, _BYTES, _DEPTH = 300, 20_000, 6
_NAME = re.compile(r"^kind:\s*Campaign\s*$.*?^metadata:(.*?)^spec:", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"\b(name|namespace):\s*([-a-z0-9]+)")


def complete_campaign(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Campaigns that the files below the current folder declare, as `namespace/name` or `name`."""
    found = set()
    for namespace, name in _declared(Path()):
        found |= {name, f"{namespace}/{name}"}
    return sorted(each for each in found if each.startswith(incomplete) and ("/" in incomplete) == ("/" in each))


def _declared(folder: Path) -> Iterator[tuple[str, str]]:
    left = _FILES
    for where, folders, files in os.walk(folder):
        deep = len(Path(where).parts) >= _DEPTH
        folders[:] = [] if deep else sorted(each for each in folders if not each.startswith("."))
        for file in sorted(files):
            if not file.endswith((".yaml", ".yml")):
                continue
            if not left:
                return
            left -= 1
            try:
                with Path(where, file).open(encoding="utf-8", errors="replace") as opened:
                    text = opened.read(_BYTES)
            except OSError:
                continue
            for block in _NAME.finditer(text):
                fields = dict(_FIELD.findall(block[1]))
                if "name" in fields:
                    yield fields.get("namespace", ""), fields["name"]


def script(root: click.Command, shell: str) -> str:
    """What the shell must read once: `eval "$(herold completion bash)"`."""
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None
    return completion(root, {}, "herold", VARIABLE).source()
