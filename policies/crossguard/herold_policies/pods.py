"""Rules for pods inside a cluster, wherever their template is: in a set, a deployment, a job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from herold_policies.graph import Graph, Node, Unknown
from herold_policies.rule import Violation, cis_kubernetes, gdpr, pci, rule

# By kind, where the spec of its pods is.
PODS = {
    "kubernetes:core/v1:Pod": "spec",
    "kubernetes:apps/v1:Deployment": "spec.template.spec",
    "kubernetes:apps/v1:DaemonSet": "spec.template.spec",
    "kubernetes:apps/v1:StatefulSet": "spec.template.spec",
    "kubernetes:batch/v1:Job": "spec.template.spec",
    "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec.template.spec",
}
KINDS = tuple(PODS)
HOST = ("hostNetwork", "hostPID", "hostIPC")
DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
# Names that a value in clear must not have.
SECRET = re.compile(r"pass(word|wd|phrase)?$|secret|token|credential|private_?key|api_?key", re.IGNORECASE)
# What has such a name, and says only where the secret is.
PLACE = re.compile(r"_(file|path|dir|name)$", re.IGNORECASE)


@rule(
    "Pods run as nobody, with no way to become more: the strictest of Kubernetes' Pod Security Standards",
    cis_kubernetes("5.2.2"),
    cis_kubernetes("5.2.5"),
    cis_kubernetes("5.2.6"),
    cis_kubernetes("5.2.7"),
    cis_kubernetes("5.2.10"),
    cis_kubernetes("5.2.12"),
    cis_kubernetes("5.7.2"),
    pci("2.2.6"),
    kinds=KINDS,
)
def pods_are_restricted(graph: Graph) -> Iterator[Violation]:
    """A pod that is privileged, root, on the node's own network or files, or that may write its own program."""
    for node, pod in _pods(graph):
        found = [f"must not say {word}" for word in HOST if pod.get(word)]
        found += [
            f"must not have the node's files: volume {volume.get('name')}"
            for volume in _list(pod.get("volumes"))
            if volume.get("hostPath") is not None
        ]
        own = _map(pod.get("securityContext"))
        for container in _containers(pod):
            context = _map(container.get("securityContext"))
            for wrong in _unsafe(own, context):
                found.append(f"{container.get('name')} {wrong}")
        yield from (Violation(node, text) for text in found)


@rule(
    "An image is named by its digest, and changes with a commit",
    cis_kubernetes("5.5.1"),
    pci("6.5.1"),
    kinds=KINDS,
)
def images_are_pinned(graph: Graph) -> Iterator[Violation]:
    """A tag, which says what somebody pushed last."""
    for node, pod in _pods(graph):
        for container in _containers(pod):
            image = container.get("image")
            if not isinstance(image, str) or not DIGEST.fullmatch(image):
                yield Violation(node, f"{container.get('name')} must name its image by digest, not {image}")


@rule(
    "A secret reaches a pod as a file, never in its environment",
    cis_kubernetes("5.4.1"),
    pci("8.6.2"),
    kinds=KINDS,
)
def secrets_are_files(graph: Graph) -> Iterator[Violation]:
    """An environment, which a crash, a child and everybody who may read a pod's description see."""
    for node, pod in _pods(graph):
        for container in _containers(pod):
            name = container.get("name")
            for source in _list(container.get("envFrom")):
                if source.get("secretRef") is not None:
                    yield Violation(node, f"{name} takes a whole Secret into its environment; mount it")
            for variable in _list(container.get("env")):
                word = str(variable.get("name"))
                if _map(variable.get("valueFrom")).get("secretKeyRef") is not None:
                    yield Violation(node, f"{name} takes {word} from a Secret into its environment; mount it")
                elif variable.get("value") is not None and SECRET.search(word) and not PLACE.search(word):
                    yield Violation(node, f"{name} has {word} in clear; mount a Secret")


@rule(
    "Memory is asked for and limited, so that nobody takes a neighbour's",
    gdpr("32(1)(b)"),
    kinds=KINDS,
)
def memory_is_limited(graph: Graph) -> Iterator[Violation]:
    """A container that may take all of a node's memory, and databases of others with it."""
    for node, pod in _pods(graph):
        for container in _containers(pod):
            for word in ("requests", "limits"):
                if _map(_map(container.get("resources")).get(word)).get("memory") is None:
                    yield Violation(node, f"{container.get('name')} must say resources.{word}.memory")


@rule(
    "A pod has a token of the API server only where it says so, and then as an account of its own",
    cis_kubernetes("5.1.5"),
    cis_kubernetes("5.1.6"),
    pci("7.2.5"),
    kinds=KINDS,
)
def tokens_are_asked_for(graph: Graph) -> Iterator[Violation]:
    """A token that nobody asked for; the default is to mount one."""
    for node, pod in _pods(graph):
        asked = pod.get("automountServiceAccountToken")
        if not isinstance(asked, bool):
            yield Violation(node, "must say automountServiceAccountToken")
        elif asked and pod.get("serviceAccountName") in (None, "default"):
            yield Violation(node, "must say which serviceAccountName its token is of")


def _pods(graph: Graph) -> Iterator[tuple[Node, Mapping[str, Any]]]:
    """All pods of a stack. What is known only afterwards can't be judged, and is taken for empty: it violates."""
    for node in graph.of(*KINDS):
        yield node, _map(node.get(PODS[node.kind]))


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All of a pod's; one without anything where there is none."""
    found = [*_list(pod.get("initContainers")), *_list(pod.get("containers"))]
    return found or [{}]


def _unsafe(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    def either(word: str) -> Any:
        return container.get(word, pod.get(word))

    if container.get("privileged"):
        yield "must not be privileged"
    if container.get("allowPrivilegeEscalation") is not False:
        yield "must say allowPrivilegeEscalation: false"
    if container.get("readOnlyRootFilesystem") is not True:
        yield "must say readOnlyRootFilesystem: true"
    if either("runAsNonRoot") is not True:
        yield "must say runAsNonRoot: true"
    if either("runAsUser") == 0:
        yield "must not run as user 0"
    capabilities = _map(container.get("capabilities"))
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "must drop ALL capabilities and add none"
    if _map(either("seccompProfile")).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "must say seccompProfile.type: RuntimeDefault"


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, Unknown) or not isinstance(value, list):
        return []
    return [_map(item) for item in value]
