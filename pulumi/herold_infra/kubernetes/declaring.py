"""Manifests to resources: those that hold data are kept, and a workload comes after all that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pulumi
from pulumi_kubernetes import apiextensions, apps, core, networking, policy, rbac

from herold_infra.kubernetes.component import Component, Manifest

KINDS: Mapping[str, Callable[..., Any]] = {
    "ClusterRole": rbac.v1.ClusterRole,
    "ClusterRoleBinding": rbac.v1.ClusterRoleBinding,
    "ConfigMap": core.v1.ConfigMap,
    "CustomResourceDefinition": apiextensions.v1.CustomResourceDefinition,
    "Deployment": apps.v1.Deployment,
    "Namespace": core.v1.Namespace,
    "NetworkPolicy": networking.v1.NetworkPolicy,
    "PersistentVolume": core.v1.PersistentVolume,
    "PersistentVolumeClaim": core.v1.PersistentVolumeClaim,
    "PodDisruptionBudget": policy.v1.PodDisruptionBudget,
    "Role": rbac.v1.Role,
    "RoleBinding": rbac.v1.RoleBinding,
    "Service": core.v1.Service,
    "ServiceAccount": core.v1.ServiceAccount,
    "StatefulSet": apps.v1.StatefulSet,
}
# With a kind goes everything of that kind.
HOLDS_DATA = {"CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "StatefulSet"}
WORKLOADS = {"Deployment", "StatefulSet"}


def declare(owner: Component, items: Iterable[Manifest], *, after: list[pulumi.Resource]) -> list[pulumi.Resource]:
    """All of them, `after` what they stand in. Where one of a kind has the name of another kind it has its kind too."""
    made: list[pulumi.Resource] = []
    workloads: list[pulumi.Resource] = []
    for item in items:
        kind = item["kind"]
        # A claim waits for its volume, a workload for everything but other workloads; the rest waits for nobody.
        needs = [*after, *made] if kind in {"PersistentVolumeClaim", *WORKLOADS} else after
        opts = owner.kept(after=needs) if kind in HOLDS_DATA else owner.inside(after=needs)
        (workloads if kind in WORKLOADS else made).append(owner.make(KINDS[kind], item, opts=opts))
    return [*made, *workloads]
