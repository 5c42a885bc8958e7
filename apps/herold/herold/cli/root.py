"""The command `herold` and its commands, in the order in which people need them."""

from __future__ import annotations

import click

from herold.cli.approve import approve
from herold.cli.brakes import resume, stop, suspend
from herold.cli.command import Group, command
from herold.cli.completion import script
from herold.cli.contacts import contacts
from herold.cli.deliveries import deliveries
from herold.cli.demo import demo
from herold.cli.explain import explain
from herold.cli.hold import hold
from herold.cli.lane import lane
from herold.cli.ledger import ledger
from herold.cli.plan import plan
from herold.cli.proof import proof
from herold.cli.report import report
from herold.cli.run import run
from herold.cli.status import status
from herold.cli.task import task
from herold.cli.validate import validate
from herold.cli.worker import worker

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(
    "herold",
    cls=Group,
    context_settings=CONTEXT,
    examples=("herold validate gitops/campaigns/test", "herold run spring-sale --files gitops/campaigns/test --now"),
)
@click.version_option(package_name="herold", message="%(prog)s %(version)s")
def herold() -> None:
    """Marketing campaigns declared in Git, sent once, and accounted for.

    Settings are HEROLD_* variables (docs/reference/settings.md); without any, everything happens on this machine.
    """


@command(
    "completion", 'eval "$(herold completion bash)"', "herold completion fish > ~/.config/fish/completions/herold.fish"
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands and campaigns in a shell."""
    click.echo(script(herold, shell))


for each in (
    *(validate, plan, approve, proof, run, worker, status, report),
    *(suspend, resume, stop, hold, lane, deliveries, explain, contacts, demo, ledger, task, completion),
):
    herold.add_command(each)
