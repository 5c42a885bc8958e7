"""What runs and what is Ready, on one screen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from local.cluster import traces
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CONTEXT, NODE_ADDRESS, Layout
from local.cluster.process import find

from herold.errors import Temporary

OWN_NAMESPACES = ("kube-system", "herold-platform", "herold-senders", "herold-data", "herold-git", "argocd")


def show(layout: Layout) -> None:
    """Our own cluster: each component, then what the API server says. Raises Temporary when not all of it runs."""
    missing = []
    for name in traces.NAMES:
        running = find(layout, name)
        click.echo(f"{name:26s} {f'pid {running.pid}' if running else 'not running'}")
        if not running:
            missing.append(name)
    if len(missing) == len(traces.NAMES):
        click.echo("The cluster is down: make up")
        return
    if missing:
        raise Temporary(f"not running: {', '.join(missing)}", hint="make up starts what is missing")
    _show_cluster(own_kubectl(layout))
    click.echo(f"\nexport KUBECONFIG={layout.kubeconfig}   # https://{NODE_ADDRESS}:6443")


def show_foreign(kubectl: Kubectl) -> None:
    """The cluster that HEROLD_CONTEXT names. Raises Temporary when it does not answer."""
    _show_cluster(kubectl)
    click.echo(f"\nThe context {kubectl.context} is used as it is: no node is started or stopped.")


def own_kubectl(layout: Layout) -> Kubectl:
    """For our own cluster. Raises Temporary when it is down.

    The program is the one that was built with the running API server, whatever the checkout says meanwhile.
    """
    running = find(layout, "kube-apiserver")
    if running is None:
        raise Temporary("the API server does not run", hint="make up")
    program = Path(f"/proc/{running.pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    return Kubectl(str(Path(program).with_name("kubectl")), layout.kubeconfig, CONTEXT)


def _show_cluster(kubectl: Kubectl) -> None:
    began = time.monotonic()
    if not kubectl.ready():
        raise Temporary(f"the API server of the context {kubectl.context} does not say that it is ready")
    click.echo(f"API server ready in {1000 * (time.monotonic() - began):.0f} ms\n")
    for node in _items(kubectl.get("nodes")):
        click.echo(f"node {node['metadata']['name']}: {'Ready' if is_ready(node) else 'not Ready'}")
    for namespace in OWN_NAMESPACES:
        for pod in _items(kubectl.get("pods", "-n", namespace)):
            state = "Ready" if is_ready(pod) else pod["status"].get("phase", "?")
            click.echo(f"pod  {namespace}/{pod['metadata']['name']}: {state}")


def is_ready(resource: Mapping[str, Any]) -> bool:
    """Whether a node or pod has the condition Ready."""
    conditions = resource.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _items(listed: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list(listed["items"]) if listed else []
