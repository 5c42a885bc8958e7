"""`python -m local.cluster up|down|status|inbox|image`: our own Kubernetes, or HEROLD_CONTEXT's."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from local.cluster import build, down, images
from local.cluster import status as states
from local.cluster import up as rising
from local.cluster.kubectl import Kubectl
from local.cluster.layout import PLATFORM_NAMESPACE, here
from local.cluster.progress import Progress

from herold.errors import HeroldError, Refused

CONTEXT_VARIABLE = "HEROLD_CONTEXT"
INBOX = ("/usr/bin/python3.11", "-m", "herold.demo.inbox", "/data/mailbox", "/data/accepted.tsv")
LOCK = Path("/run/lock/herold-cluster.lock")


@click.group()
def cluster() -> None:
    """A Kubernetes cluster on this machine, from the real components, without Docker or a registry."""


@cluster.command()
@click.option("--install", is_flag=True, help="Install Debian's packages that are missing.")
def up(install: bool) -> None:
    """Start the cluster and its platform; what is done already is left as it is."""
    progress, layout = Progress(), here()
    if name := os.environ.get(CONTEXT_VARIABLE):
        states.show_foreign(Kubectl("kubectl", None, name))
        return
    if install:
        build.install_packages(progress)
    rising.check_needs(layout)
    with _alone():
        rising.bring_up(layout, progress)
    progress.say(f"up. export KUBECONFIG={layout.kubeconfig}")


@cluster.command(name="down")
@click.option("--keep", is_flag=True, help="Keep etcd, images and volumes for the next `up`.")
def take_down(keep: bool) -> None:
    """Stop the cluster, put the machine back as it was, and check that."""
    progress, layout = Progress(), here()
    if name := os.environ.get(CONTEXT_VARIABLE):
        raise Refused("NotOurs", f"the context {name} is not taken down by Herold", hint=f"unset {CONTEXT_VARIABLE}")
    if os.geteuid() != 0:
        raise Refused("NotRoot", "what root started only root can stop", hint="sudo make down")
    with _alone():
        down.take_down(layout, progress, keep=keep)
        down.check(layout, progress, keep=keep)


@cluster.command()
def status() -> None:
    """What runs, what is Ready, how long it takes to answer."""
    if name := os.environ.get(CONTEXT_VARIABLE):
        states.show_foreign(Kubectl("kubectl", None, name))
    else:
        states.show(here())


@cluster.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File of the page.")
def inbox(output: Path) -> None:
    """The newest mails that the cluster's relay got, as one page for a browser."""
    name = os.environ.get(CONTEXT_VARIABLE)
    kubectl = Kubectl("kubectl", None, name) if name else states.own_kubectl(here())
    page = kubectl("exec", "-n", PLATFORM_NAMESPACE, "deploy/sink", "--", *INBOX, seconds=60)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
    click.echo(f"{output.resolve().as_uri()}   (as it was just now; once more for newer mail)")


@cluster.command()
def image() -> None:
    """Build the image `herold` from the checkout, bring it in, print its reference."""
    layout = here()
    with _alone():
        herold = build.build_herold_image(layout)
        images.bring_in(layout, herold)
    click.echo(herold.reference)


@contextmanager
def _alone() -> Iterator[None]:
    """One `up`, `down` or `image` at a time. Raises Refused while another one runs."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("Busy", "another make up or make down is at work", hint="wait for its end") from None
        yield


def main() -> int:
    """Run; its exit code."""
    try:
        cluster.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: the same command goes on from here; make down undoes it", err=True)
        return 130
    except HeroldError as error:
        click.echo(f"cluster: {error}", err=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
