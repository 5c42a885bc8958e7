"""What all commands share: help with examples, and options that are spelled alike everywhere."""

from __future__ import annotations

import getpass
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(click.Command):
    """A command that shows how it is used."""

    def __init__(self, *arguments: Any, examples: tuple[str, ...] = (), **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)


class Group(click.Group):
    """A group of commands, in the order in which they were added."""

    command_class = Command

    def __init__(self, *arguments: Any, examples: tuple[str, ...] = (), **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(self.examples, formatter)


def write_examples(examples: tuple[str, ...], formatter: click.HelpFormatter) -> None:
    """`Example:` and one line for each."""
    if examples:
        with formatter.section("Example" if len(examples) == 1 else "Examples"):
            for example in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def command(name: str, *examples: str, **keywords: Any) -> Callable[[Callable[..., Any]], Command]:
    """A command with examples of its use."""
    return click.command(name, cls=Command, examples=examples, **keywords)


class DurationType(click.ParamType[timedelta]):
    """`30m`, `2h`, `1d12h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from herold.resources.scalars import parse_duration

        if isinstance(value, timedelta):
            return value
        try:
            length = parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not length:
            self.fail("it must be longer than nothing", param, ctx)
        return length


def as_format(*formats: str) -> Callable[[Function], Function]:
    """`-o`, the first of `formats` unless another is asked for. JSON goes to standard output alone."""
    return click.option(
        "-o",
        "--format",
        "format_",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print it.",
    )


def with_files(function: Function) -> Function:
    """`--files`: where the resources are."""
    return _files(function, required=True)


def with_files_or_changed(function: Function) -> Function:
    """`--files`, of one campaign or of a branch."""
    return _files(function, "  [default with --changed: gitops/campaigns and gitops/approvals]", required=False)


def _files(function: Function, more: str = "", *, required: bool) -> Function:
    return click.option(
        "-f",
        "--files",
        "paths",
        type=click.Path(path_type=Path),
        multiple=True,
        required=required,
        help=f"File or folder with the campaign and all that it names; may be repeated.{more}",
    )(function)


def with_policies(function: Function) -> Function:
    """`--policies` and `--no-policies`: by which rules resources are judged."""
    without = click.option("--no-policies", is_flag=True, help="Don't ask policies.")
    return click.option(
        "--policies",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder with the policies.  [default: policies/admission of the checkout, where there is one]",
    )(without(function))


def with_actor(function: Function) -> Function:
    """`--actor`: who does it, for the ledger's audit."""
    return click.option(
        "--actor", default=_actor, show_default="USER@HOST", help="Who does it, as the audit will name them."
    )(function)


def with_run(function: Function) -> Function:
    """`[CAMPAIGN] [--run ID]`: a run, by its campaign's name (the newest one) or its id."""
    by_id = click.option("--run", "run_id", type=click.IntRange(min=1), help="A run by its id.")
    return with_campaign(required=False)(by_id(function))


def with_campaign(*, required: bool = True) -> Callable[[Function], Function]:
    """The argument CAMPAIGN."""
    from herold.cli.completion import complete_campaign

    return click.argument("campaign", required=required, shell_complete=complete_campaign)


def with_yes(function: Function) -> Function:
    """`--yes`: for scripts, and for those who know."""
    return click.option("-y", "--yes", is_flag=True, help="Don't ask.")(function)


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person. Raises Refused when the answer is no, or when there is nobody to ask and no --yes."""
    from herold.errors import Refused

    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("NotConfirmed", "there is nobody to ask here; nothing was done", hint="add --yes")
    if not click.confirm(question, err=True):
        raise Refused("NotConfirmed", "nothing was done")


def _actor() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
