"""What all our pods, claims and NetworkPolicies have in common: plain values, as the API server takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from herold_infra.kubernetes.component import Data, Manifest, Place

# The user of our images.
UID = 65532
SIZES = (1, 3)
# A Service that nobody stands behind yet is nothing to wait for: what does stand there comes after it.
SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
CLOSED: Mapping[str, Any] = MappingProxyType(
    {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
)
# The API server is no pod, and where it is differs: its ports, then, at any address.
API_SERVER: Mapping[str, Any] = MappingProxyType(
    {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}, {"port": 6443}]}
)
# 1053: CoreDNS where it may not listen on 53.
NAMES: Mapping[str, Any] = MappingProxyType(
    {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}, {"port": 1053, "protocol": "UDP"}, {"port": 1053}],
    }
)


@dataclass(frozen=True)
class Client:
    """Who may connect: pods with these labels, in that namespace."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def peer(self) -> Manifest:
        """As a NetworkPolicy names it."""
        return {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "podSelector": {"matchLabels": dict(self.labels)} if self.labels else {},
        }


@dataclass(frozen=True)
class Volumes:
    """Where data lie. A `folder` of a `node`: a folder below it for each claim, made by whoever owns the node, for our
    user alone. No folder: a StorageClass makes them, None for the cluster's default.
    """

    folder: str | None = None
    node: str | None = None
    storage_class: str | None = None

    def __post_init__(self) -> None:
        if (self.folder is None) != (self.node is None):
            raise ValueError("volumes: `folder` and `node` go together: a folder lies on a node")

    def build_claim(self, size: str) -> Manifest:
        """The spec of a claim. With no class nothing but the volume that names the claim is bound to it."""
        spec: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        if self.folder is not None:
            spec["storageClassName"] = ""
        elif self.storage_class:
            spec["storageClassName"] = self.storage_class
        return spec

    def build_volume(self, place: Place, service: str, name: str, claim: str, size: str) -> list[Manifest]:
        """The volume for that claim and no other, below the node's folder by its name; none where a class makes it."""
        if self.folder is None:
            return []
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [self.node]}]}
        spec = {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": place.namespace, "name": claim},
            "local": {"path": f"{self.folder}/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        }
        metadata = {"name": place.logical(name), "labels": place.labels(service, Data.PERSONAL)}
        return [{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}]


@dataclass(frozen=True)
class ServiceArgs:
    """Of a data service: `image` by digest; `secret` has the passwords that its module names; `clients` may connect.

    One member, or three, so that any one may be lost: `three` says why it is three.
    """

    service: ClassVar[str]
    three: ClassVar[str]
    place: Place
    image: str
    secret: str
    clients: Sequence[Client]
    volumes: Volumes
    members: int = 1
    size: str = "1Gi"

    def __post_init__(self) -> None:
        if self.members not in SIZES:
            raise ValueError(f"{self.service}: {self.members} members; 1, or 3 so that {self.three}")

    def build_volumes(self) -> list[Manifest]:
        """A volume for each member that there may ever be: one that goes and comes back finds what it had."""
        names = [f"{self.service}-{number}" for number in range(max(SIZES))]
        return [
            item
            for name in names
            for item in self.volumes.build_volume(self.place, self.service, name, f"data-{name}", self.size)
        ]


def build_metadata(name: str, place: Place, service: str, **annotations: str) -> Manifest:
    """Name, namespace and labels: all of these may be in touch with personal data."""
    return place.metadata(name, service, Data.PERSONAL, annotations)


def build_service(name: str, place: Place, service: str, ports: Mapping[str, int], **spec: Any) -> Manifest:
    """A Service with these ports by name."""
    listed = [{"name": port, "port": number, "targetPort": number} for port, number in ports.items()]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": place.metadata(name, service, Data.PERSONAL, SKIP_AWAIT),
        "spec": {**({"ports": listed} if listed else {}), **spec},
    }


def build_headless(name: str, place: Place, service: str, ports: Mapping[str, int]) -> Manifest:
    """The Service that gives each pod of a StatefulSet its name, before it is ready: they must find each other."""
    chosen = {"selector": place.selector(service), "publishNotReadyAddresses": True}
    return build_service(name, place, service, ports, clusterIP="None", **chosen)


def build_settings(name: str, place: Place, service: str, files: Mapping[str, str]) -> Manifest:
    """A ConfigMap of files."""
    metadata = build_metadata(name, place, service)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(files)}


def build_account(name: str, place: Place, service: str) -> Manifest:
    """A ServiceAccount whose token no pod has that does not ask for it."""
    metadata = build_metadata(name, place, service)
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        "automountServiceAccountToken": False,
    }


def build_budget(place: Place, service: str) -> Manifest:
    """One member at a time goes for maintenance."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": build_metadata(service, place, service),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": place.selector(service)}},
    }


def build_policy(
    place: Place,
    service: str,
    open_to: Iterable[tuple[Iterable[Client], Iterable[int]]],
    among: Iterable[int],
    egress: Iterable[Mapping[str, Any]] = (),
) -> Manifest:
    """Who reaches a service: clients by port; its own pods each other by the ports `among` them. And whom it asks."""
    own = {"podSelector": {"matchLabels": place.selector(service)}}
    between = [{"port": port} for port in among]
    ingress = [
        {"from": [client.peer for client in clients], "ports": [{"port": port} for port in ports]}
        for clients, ports in open_to
        if clients
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": build_metadata(service, place, service),
        "spec": {
            "podSelector": {"matchLabels": place.selector(service)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [*ingress, {"from": [own], "ports": between}],
            "egress": [{"to": [own], "ports": between}, *(dict(each) for each in egress)],
        },
    }


def build_pod(
    place: Place, service: str, containers: list[Manifest], volumes: list[Manifest], *, grace: int
) -> Manifest:
    """A pod template's spec that PodSecurity `restricted` takes; members on different nodes where there are some.

    `grace`: seconds to end in. No fsGroup: it would open data folders to the group, and PostgreSQL refuses such a one.
    The volumes are our user's.
    """
    away = {"labelSelector": {"matchLabels": place.selector(service)}, "topologyKey": "kubernetes.io/hostname"}
    return {
        "serviceAccountName": service,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": away}]
            }
        },
        "containers": containers,
        "volumes": volumes,
    }


def build_set(
    place: Place,
    service: str,
    members: int,
    pod: Manifest,
    claims: Mapping[str, Manifest],
    files: Mapping[str, str],
    **spec: Any,
) -> Manifest:
    """A StatefulSet whose claims stay when it shrinks or goes: data are taken away by people.

    `files`, by which its pods are set, roll them when they change.
    """
    labels = place.labels(service, Data.PERSONAL)
    annotations = {"herold.dev/settings": hashlib.sha256("".join(files.values()).encode()).hexdigest()[:16]}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": build_metadata(service, place, service),
        "spec": {
            "serviceName": f"{service}-members",
            "replicas": members,
            "selector": {"matchLabels": place.selector(service)},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
            "volumeClaimTemplates": [{"metadata": {"name": name}, "spec": claim} for name, claim in claims.items()],
            **spec,
        },
    }


def field_of(name: str, path: str) -> Manifest:
    """An environment variable from a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def memory(name: str, size: str) -> Manifest:
    """A volume in memory, gone with its pod."""
    return {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": size}}


def secret(name: str, secret_name: str, files: Mapping[str, str]) -> Manifest:
    """A volume of just these keys of a Secret: by file, the key. The kubelet keeps them in memory."""
    items = [{"key": key, "path": file} for file, key in files.items()]
    return {"name": name, "secret": {"secretName": secret_name, "items": items, "defaultMode": 0o444}}
