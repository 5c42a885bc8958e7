"""Help, reference and completion of the plugin; and that a brake does not wait for what it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from controller.platform import Platform, world
from herold.cli.command import Command
from herold_kubectl.entry import main
from herold_kubectl.reference import main as write_reference
from herold_kubectl.root import campaign
from kubectl.hand import Hand
from parts.kubernetes import ROOT


@pytest.mark.parametrize("name", list(campaign.commands))
def test_every_command_has_help_and_an_example_that_begins_with_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = campaign.commands[name]
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert isinstance(command, Command)
    assert command.examples
    assert all(example in said for example in command.examples)
    assert all(example.startswith(f"kubectl campaign {name}") for example in command.examples)
    assert all(each.help for each in command.params if isinstance(each, click.Option))


def test_the_reference_page_is_current(tmp_path: Path) -> None:
    assert write_reference(["--check", "--root", str(ROOT)]) == 0, "run `make generate`"
    assert write_reference(["--check", "--root", str(tmp_path)]) == 1


def test_help_reads_in_nothing_of_the_engine_and_a_brake_no_database() -> None:
    code = "import sys; from herold_kubectl.entry import main; main(%r); print([m for m in sys.modules if m in (%s)])"
    heavy = ("psycopg", "pydantic", "minijinja", "mrml", "rich", "uvloop", "kubernetes", "aiohttp")
    # The client of Kubernetes brings pydantic along.
    for words, allowed in ((["--help"], []), (["hold", "a", "--reason", "b"], ["pydantic", "kubernetes"])):
        done = subprocess.run(
            [sys.executable, "-c", code % (words, ", ".join(map(repr, heavy)))],
            env={**os.environ, "KUBECONFIG": "/nonexistent"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == str(allowed)


def test_a_kubeconfig_that_is_not_there_is_a_mistake_with_a_name(platform: Platform, tmp_path: Path) -> None:
    said = Hand(tmp_path / "none", tmp_path)("status")
    assert (said.code, "no usable kubeconfig" in said.err) == (3, True), said
    hand = Hand(platform.api.kubeconfig(), tmp_path)
    said = hand("status", "--context", "elsewhere")
    assert (said.code, "no context elsewhere" in said.err) == (3, True), said
    assert hand("status", "--context", "test").code == 0


def test_names_of_campaigns_complete_from_the_cluster(platform: Platform, people: dict[str, Hand]) -> None:
    platform.apply(world()[-1], world(name="help-me")[-1], world(name="other")[-1])

    def complete(*words: str) -> list[str]:
        done = subprocess.run(
            [Path(sys.executable).with_name("kubectl_complete-campaign"), *words],
            env=people["vera"].environ(),
            capture_output=True,
            text=True,
            check=True,
        )
        *found, directive = done.stdout.splitlines()
        assert directive == ":4"
        return [each.partition("\t")[0] for each in found]

    assert complete("hold", "hel") == ["hello", "help-me"]
    assert complete("status", "-n", "campaigns-elsewhere", "hel") == []
    assert complete("rel") == ["release"]
    assert "--reason" in complete("hold", "--")


def test_kubectl_finds_the_plugin(platform: Platform, people: dict[str, Hand]) -> None:
    platform.apply(world()[-1])
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        [platform.api.tools["kubectl"], "campaign", "status", "hello"],
        env=people["vera"].environ(PATH=programs),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "not seen by the operator yet" in done.stdout
