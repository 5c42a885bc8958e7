"""What the platform itself is in a cluster: the projects and Applications of everything that no team brings.

Each Application has the kinds of one owner, and its project names them: docs/decisions/0018-one-owner-in-git.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from herold_delivery.declared import Cluster
from herold_delivery.teams import AFTER_PROJECT, ARGO_CD, HERE, KEPT, Item, build_application, build_item

PLATFORM, ROOT, HEROLD = "platform", "root", "herold"
SHARED_NAMESPACE = "campaigns-shared"
PLATFORM_NAMESPACES = ("herold-platform", "herold-senders", SHARED_NAMESPACE)
# What follows from gitops/teams and cluster.yaml.
TEAM_KINDS: Mapping[str, tuple[str, ...]] = {
    "": ("ResourceQuota", "ServiceAccount"),
    "networking.k8s.io": ("NetworkPolicy",),
    "rbac.authorization.k8s.io": ("RoleBinding",),
    "argoproj.io": ("AppProject", "Application"),
}
# What Herold is: operator/crds, operator/deploy, policies/admission, the senders that teams share.
CLUSTER_KINDS: Mapping[str, tuple[str, ...]] = {
    "": ("Namespace",),
    "admissionregistration.k8s.io": ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "scheduling.k8s.io": ("PriorityClass",),
}
HEROLD_KINDS: Mapping[str, tuple[str, ...]] = {
    "": ("ConfigMap", "Service", "ServiceAccount"),
    "apps": ("Deployment",),
    "batch": ("Job",),
    "external-secrets.io": ("ExternalSecret", "SecretStore"),
    "herold.dev": ("ContactSchema", "SenderProfile"),
    "networking.k8s.io": ("NetworkPolicy",),
    "policy": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io": ("Role", "RoleBinding"),
}


def build_root(cluster: Cluster) -> list[Item]:
    """The Application of this cluster's own folder, itself in it, and the project of what follows from teams."""
    places = (ARGO_CD, "campaigns-*")
    project = build_project(
        PLATFORM, "What follows from gitops/teams", cluster, places, {"": ("Namespace",)}, TEAM_KINDS
    )
    path = f"gitops/clusters/{cluster.environment}/rendered"
    # Without it everything would stop to be followed, itself first.
    return [project, build_application(ROOT, PLATFORM, path, cluster, ARGO_CD, annotations=KEPT)]


def build_platform(cluster: Cluster) -> list[Item]:
    """Herold: its kinds, its policies, its programs, and what teams share."""
    environment = cluster.environment
    kinds = _application("herold-kinds", "operator/crds", cluster)
    kinds["metadata"]["annotations"] |= KEPT
    policies = _application("herold-policies", "policies/admission", cluster, plain=False)
    parameters = _application("herold-parameters", "policies/admission/parameters", cluster)
    parameters["spec"]["source"]["directory"] = {"include": f"{environment}.yaml"}
    herold = _application(HEROLD, f"gitops/apps/herold/overlays/{environment}", cluster, plain=False)
    shared = _application("shared", f"gitops/campaigns/{environment}/shared", cluster, SHARED_NAMESPACE)
    project = build_project(
        HEROLD, "Herold itself, and what teams share", cluster, PLATFORM_NAMESPACES, CLUSTER_KINDS, HEROLD_KINDS
    )
    secrets = _application("herold-secrets", "gitops/infrastructure/secrets", cluster, plain=False)
    external = [secrets] if cluster.secrets == "External" else []
    return [project, kinds, parameters, policies, *external, herold, shared]


def build_project(
    name: str,
    description: str,
    cluster: Cluster,
    namespaces: tuple[str, ...],
    of_cluster: Mapping[str, tuple[str, ...]],
    of_namespaces: Mapping[str, tuple[str, ...]],
) -> Item:
    """A project that lets those kinds into those namespaces, from this repository."""
    spec = {
        "description": description,
        "sourceRepos": [cluster.repository],
        "destinations": [{"server": HERE, "namespace": namespace} for namespace in namespaces],
        "clusterResourceWhitelist": _listed(of_cluster),
        "namespaceResourceWhitelist": _listed(of_namespaces),
    }
    return build_item("argoproj.io/v1alpha1", "AppProject", name, ARGO_CD, spec=spec, annotations=KEPT)


def _application(
    name: str, path: str, cluster: Cluster, namespace: str = PLATFORM_NAMESPACES[0], *, plain: bool = True
) -> Item:
    return build_application(name, HEROLD, path, cluster, namespace, dict(AFTER_PROJECT), plain=plain)


def _listed(kinds: Mapping[str, tuple[str, ...]]) -> list[Item]:
    return [{"group": group, "kind": each} for group, names in kinds.items() for each in names]
