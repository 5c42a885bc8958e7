"""The commands of `kubectl campaign`, in the order in which people need them."""

from __future__ import annotations

import click

from herold.cli.command import Group
from herold_kubectl.deliveries import deliveries
from herold_kubectl.explain import explain
from herold_kubectl.hold import hold
from herold_kubectl.plan import plan
from herold_kubectl.release import release
from herold_kubectl.report import report
from herold_kubectl.status import status
from herold_kubectl.stop import stop

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(
    "campaign",
    cls=Group,
    context_settings=CONTEXT,
    examples=(
        "kubectl campaign status -A",
        'kubectl campaign hold spring-sale -n campaigns-shop --reason "wrong price"',
    ),
)
@click.version_option(package_name="herold", message="%(prog)s %(version)s")
def campaign() -> None:
    """Campaigns on a cluster: how they go, a brake, who was reached.

    `status`, `hold`, `release` and `stop` use the Kubernetes API, and never edit a spec, which Git owns. The others,
    and a hold that the operator does not confirm, go to the read service beside the operator, by the API server's
    proxy.
    """


for each in (status, hold, release, stop, plan, report, explain, deliveries):
    campaign.add_command(each)
