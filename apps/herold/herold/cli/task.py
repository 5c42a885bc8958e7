"""`herold task`: work of the ledger that a process of its own does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from herold.cli.command import Group

if TYPE_CHECKING:
    from herold.ledger.tasks import Outcome


@click.group("task", cls=Group, examples=("herold task run 17",))
def task() -> None:
    """Do what the ledger asks for: build the audience of a run, or look what would go wrong at a campaign's time.

    On Kubernetes the operator writes tasks and starts a Job for each; no person has to.
    """


@task.command("run", examples=("herold task run 17",))
@click.argument("task_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--turn", type=click.IntRange(min=1), help="Only this turn of it; another one has a process of its own.")
def run(task_id: int, turn: int | None) -> None:
    """Do one task and write down what came of it.

    A guard that says no (nobody to reach, too many people, too late) is an outcome like another, and so is what would
    go wrong: it is written down, and the exit code is 0. Exit code 5: try again. The same task may be run again at any
    time, also while it runs.
    """
    from herold.processes.tasks import run_task
    from herold.settings import read_settings

    click.echo(f"task {task_id}: {_words(run_task(read_settings(), task_id, turn))}")


def _words(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "nothing is left to do"
        case {"run": run_id, "planned": planned}:
            return f"run {run_id}, {planned:,} people"
        case {"refused": refused}:
            return f"refused, {refused['reason']}: {refused['message']}"
        case {"findings": findings, "people": people}:
            found = "".join(f"\n  {each['what']}: {each['message']}. To do: {each['hint']}." for each in findings)
            counted = "" if people is None else f", {people:,} people"
            unknown = "".join(f"\n  not known: {each}." for each in outcome.get("unknown", ()))
            return f"found {len(findings) or 'nothing'} that would go wrong{counted}{found}{unknown}"
    return "done"
