"""`python -m local.cluster up|down|status|people|inbox|image`: our own Kubernetes, or HEROLD_CONTEXT's."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from local.cluster import build, down, foreign, gitserver, images, removal
from local.cluster import status as states
from local.cluster import up as rising
from local.cluster.kubectl import Kubectl
from local.cluster.layout import PLATFORM_NAMESPACE, here
from local.cluster.people import bring_people, form_of
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
@click.option("--bare", is_flag=True, help="Only Kubernetes: nothing of Herold.")
@click.option("--members", type=click.Choice(["1", "3"]), default="1", show_default=True, help="Of each data service.")
def up(install: bool, bare: bool, members: str) -> None:
    """Start the cluster and its platform; what is done already is left as it is."""
    progress, layout = Progress(), here()
    if foreign_kubectl := _foreign():
        foreign.install(foreign_kubectl, layout, os.environ, progress)
        return
    if install:
        build.install_packages(progress)
    rising.check_needs(layout)
    with _alone():
        rising.bring_up(layout, progress, bare=bare, members=int(members))
    progress.say(f"up. export KUBECONFIG={layout.kubeconfig}")
    if not bare:
        click.echo("git clone " + shlex.join([*gitserver.clone_options(layout), gitserver.PUSH_URL]))


@cluster.command(name="down")
@click.option("--keep", is_flag=True, help="Keep etcd, images and volumes for the next `up`.")
@click.option("--confirm", is_flag=True, help="On a foreign cluster: campaigns, ledger and keys go too.")
def take_down(keep: bool, confirm: bool) -> None:
    """Stop the cluster, put the machine back as it was, and check that; from a foreign one remove what is ours."""
    progress, layout = Progress(), here()
    if foreign_kubectl := _foreign():
        removal.remove(foreign_kubectl, progress, everything=confirm)
        return
    if os.geteuid() != 0:
        raise Refused("NotRoot", "what root started only root can stop", hint="sudo make down")
    with _alone():
        down.take_down(layout, progress, keep=keep)
        down.check(layout, progress, keep=keep)


@cluster.command()
def status() -> None:
    """What runs, what is Ready, how long it takes to answer."""
    if foreign_kubectl := _foreign():
        states.show_foreign(foreign_kubectl)
    else:
        states.show(here())


@cluster.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--what", type=click.Choice(["people", "events", "orders"]), default="people", show_default=True)
@click.option("--source", default="make people", show_default=True, help="Recorded with each consent.")
def people(file: Path, what: str, source: str) -> None:
    """Import people, events or orders into the cluster's ledger; the same file may come again."""
    kubectl = _foreign() or states.own_kubectl(here())
    rows = file.read_text("utf-8")
    click.echo(bring_people(kubectl, rows, what=what, form=form_of(file), source=source), nl=False)


@cluster.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File of the page.")
def inbox(output: Path) -> None:
    """The newest mails that the cluster's relay got, as one page for a browser."""
    kubectl = _foreign() or states.own_kubectl(here())
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


def _foreign() -> Kubectl | None:
    """For the context of the user's own that HEROLD_CONTEXT names."""
    name = os.environ.get(CONTEXT_VARIABLE)
    return Kubectl(foreign.find_kubectl(here()), None, name) if name else None


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
