"""`make down` on a cluster of somebody else: what carries our label goes, and what it did not make stays.

Data stay too, unless that is confirmed: campaigns with their kinds, the ledger, keys, the namespaces around them.
"""

from __future__ import annotations

import json

from local.cluster.herold import OPERATOR, build_crds
from local.cluster.kubectl import Kubectl
from local.cluster.layout import PLATFORM_NAMESPACE, SENDERS_NAMESPACE
from local.cluster.ours import SELECTOR, Item, is_ours
from local.cluster.progress import Progress

from herold.errors import HeroldError
from herold_operator.workers import SELECTOR as WORKERS

NAMESPACED = (
    "deployments.apps,statefulsets.apps,jobs.batch,services,configmaps,serviceaccounts,"
    "networkpolicies.networking.k8s.io,poddisruptionbudgets.policy,"
    "roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io"
)
CLUSTER_WIDE = (
    "clusterroles.rbac.authorization.k8s.io,clusterrolebindings.rbac.authorization.k8s.io,"
    "priorityclasses.scheduling.k8s.io"
)
KINDS = "customresourcedefinitions.apiextensions.k8s.io"
SECONDS = 180.0


class OthersData(HeroldError):
    """A kind of ours is in use by somebody in a namespace that is not ours."""


def remove(kubectl: Kubectl, progress: Progress, *, everything: bool) -> None:
    """Take away what `make up` installed there; with `everything` its data as well. Raises OthersData."""
    if everything and (found := find_others_data(kubectl)):
        raise OthersData(
            f"campaigns of others would go with their kinds: {', '.join(found)}",
            hint="move them, or run make down without CONFIRM: kinds and data stay then",
        )
    with progress.step("operator, then workers, then the rest"):
        # First who makes workers, then these, while the ledger is still there for what they have in hand.
        _delete(kubectl, "deployments.apps", OPERATOR, "-n", PLATFORM_NAMESPACE, "--cascade=foreground")
        for kind in ("deployments.apps", "jobs.batch"):
            _delete(kubectl, kind, "-n", SENDERS_NAMESPACE, "-l", WORKERS, "--cascade=foreground")
        _delete(kubectl, NAMESPACED, "-A", "-l", SELECTOR, "--cascade=foreground")
        _delete(kubectl, "leases.coordination.k8s.io", OPERATOR, "-n", PLATFORM_NAMESPACE)
        _delete(kubectl, CLUSTER_WIDE, "-l", SELECTOR)
    if everything:
        with progress.step("campaigns, ledger, keys, namespaces, kinds"):
            _delete(kubectl, KINDS, "-l", SELECTOR)
            _delete(kubectl, "namespaces", "-l", SELECTOR)
    left = find_left(kubectl)
    if everything and left:
        raise HeroldError(
            f"this is still there: {', '.join(left)}", hint=f"kubectl get all,pvc,secret -A -l {SELECTOR}"
        )
    progress.say(f"down on {kubectl.context}: " + ("nothing of ours is left" if everything else _say_kept(left)))


def find_left(kubectl: Kubectl) -> list[str]:
    """Names of what carries our label."""
    kinds = f"{NAMESPACED},persistentvolumeclaims,secrets,namespaces,{KINDS},{CLUSTER_WIDE}"
    return kubectl("get", kinds, "-A", "-l", SELECTOR, "-o", "name", seconds=60).split()


def find_others_data(kubectl: Kubectl) -> list[str]:
    """`kind namespace/name` of campaigns and the like in namespaces that `make up` did not make."""
    there = json.loads(kubectl("get", "namespaces,crd", "-o", "json", seconds=60))["items"]
    ours = {item["metadata"]["name"] for item in there if item["kind"] == "Namespace" and is_ours(item)}
    kinds = [item for item in there if item["kind"] == "CustomResourceDefinition" and is_ours(item)]
    declared = {item["metadata"]["name"] for item in build_crds()}
    found: list[str] = []
    for kind in (item["metadata"]["name"] for item in kinds if item["metadata"]["name"] in declared):
        listed: list[Item] = json.loads(kubectl("get", kind, "-A", "-o", "json", seconds=60))["items"]
        places = [item["metadata"] for item in listed if item["metadata"]["namespace"] not in ours]
        found += [f"{kind.partition('.')[0]} {place['namespace']}/{place['name']}" for place in places]
    return found


def _say_kept(left: list[str]) -> str:
    count = len(left)
    return f"kept are campaigns and their kinds, the ledger, keys and namespaces ({count}); CONFIRM=1 removes them too"


def _delete(kubectl: Kubectl, kinds: str, *words: str) -> None:
    kubectl("delete", kinds, *words, "--ignore-not-found", f"--timeout={SECONDS:.0f}s", seconds=SECONDS + 20)
