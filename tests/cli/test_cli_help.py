"""Help, reference, completion; and that none of it waits for the engine to be read in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.world import World, hello
from herold.cli import main
from herold.cli.command import Command, Group
from herold.cli.deliveries import STATES
from herold.cli.reference import PAGES
from herold.cli.root import herold
from herold.ledger import deliveries

ROOT = Path(__file__).parents[2]


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


ALL = [pytest.param(path, command, id=" ".join(path)) for path, command in commands(herold)]


@pytest.mark.parametrize(("path", "command"), ALL)
def test_every_command_has_help_and_an_example_that_begins_with_it(
    path: tuple[str, ...], command: click.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*path, "--help"]) == 0
    said = capsys.readouterr().out
    assert isinstance(command, Command | Group)
    assert command.examples
    assert all(example in said for example in command.examples)
    assert any(" ".join(("herold", *path)) in example for example in command.examples)
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert all(option.help for option in options if option.name != "what")


def test_the_reference_pages_are_current() -> None:
    for name, page in PAGES.items():
        assert (ROOT / name).read_text("utf-8") == page(), "run: python -m herold.cli.reference"


def test_outcomes_to_choose_from_are_those_of_the_ledger() -> None:
    assert STATES == deliveries.STATES


def test_help_reads_in_nothing_of_the_engine() -> None:
    """The machine-independent side of `herold --help` in less than 0.3 s."""
    code = "import sys; from herold.cli import main; main(['--help']); print([m for m in sys.modules if m in (%s)])"
    heavy = ("psycopg", "pydantic", "minijinja", "mrml", "rich", "uvloop", "cryptography", "yaml", "asyncio")
    done = subprocess.run(
        [sys.executable, "-c", code % ", ".join(map(repr, heavy))], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_HEROLD_COMPLETE" in capsys.readouterr().out


def test_campaigns_complete_from_the_files_below_the_current_folder(bare: World) -> None:
    bare.declare(hello())
    completed = subprocess.run(
        [sys.executable, "-c", "from herold.cli import main; main()"],
        env={
            **bare.settings(),
            "_HEROLD_COMPLETE": "bash_complete",
            "COMP_WORDS": "herold status hel",
            "COMP_CWORD": "2",
        },
        cwd=bare.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stdout.splitlines() == ["plain,hello"]
