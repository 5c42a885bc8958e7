"""What a team's file becomes in a cluster: values, nothing is touched here.

Argo CD's own kinds: https://argo-cd.readthedocs.io/en/stable/operator-manual/project-specification/ and
…/operator-manual/application.yaml.
"""

from __future__ import annotations

from typing import Any

from herold_delivery.declared import Cluster, Team

Item = dict[str, Any]
ARGO_CD = "argocd"
HERE = "https://kubernetes.default.svc"
CAMPAIGN_KINDS = ("Campaign", "Segment", "MessageTemplate")
# Not among them: who writes a campaign does not approve it.
APPROVAL_KINDS = ("CampaignApproval",)
# Data live in it: it goes when a person deletes it, not when a file goes.
KEPT = {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
# An Application whose project is not known yet is looked at again minutes later.
AFTER_PROJECT = {"argocd.argoproj.io/sync-wave": "1"}
# What a push did not touch is not looked at; with many teams Argo CD would do little else:
# https://argo-cd.readthedocs.io/en/stable/operator-manual/high_availability/#manifest-paths-annotation
OWN_FILES = {"argocd.argoproj.io/manifest-generate-paths": "."}
# Accounts for people who come with a client certificate (operator/deploy/campaign-roles.yaml).
ACCOUNTS = ("campaign-viewer", "campaign-auditor")


def build_team(team: Team, cluster: Cluster) -> list[Item]:
    """Its namespace with quota, network and rights; projects and Applications of its campaigns and of what was
    approved."""
    return [
        build_item("v1", "Namespace", team.namespace, labels={"herold.dev/team": team.name}, annotations=KEPT),
        build_quota(team),
        build_item(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "nothing-else",
            team.namespace,
            # Team namespaces hold resources only: a pod that gets into one reaches nothing.
            spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        ),
        *build_rights(team),
        build_project(team, cluster),
        build_folder(team, cluster),
        build_approvals_project(team, cluster),
        build_approvals(team, cluster),
    ]


def build_quota(team: Team) -> Item:
    """Bounds of what a team may have, and no pods at all."""
    hard = {
        "pods": "0",
        "count/campaigns.herold.dev": str(team.limits.campaigns),
        "count/segments.herold.dev": str(team.limits.segments),
        "count/messagetemplates.herold.dev": str(team.limits.templates),
        "count/campaignapprovals.herold.dev": str(team.limits.approvals),
    }
    return build_item("v1", "ResourceQuota", "team", team.namespace, spec={"hard": hard})


def build_rights(team: Team) -> list[Item]:
    """The team's people, bound to the roles that the platform has for them; accounts for `kubectl campaign`."""
    people = {
        "campaign-viewer": team.people.viewers,
        "campaign-operator": team.people.operators,
        "campaign-auditor": team.people.auditors,
    }
    items: list[Item] = [
        {**build_item("v1", "ServiceAccount", name, team.namespace), "automountServiceAccountToken": False}
        for name in ACCOUNTS
    ]
    for role, groups in people.items():
        subjects: list[Item] = [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group} for group in groups
        ]
        if role in ACCOUNTS:
            subjects.insert(0, {"kind": "ServiceAccount", "name": role, "namespace": team.namespace})
        if subjects:
            items.append(_binding(role, team.namespace, role, subjects))
    return items


def build_project(team: Team, cluster: Cluster) -> Item:
    """Only the kinds of campaigns, only into its namespace, only from this repository."""
    return _team_project(f"team-{team.name}", f"Campaigns of {team.name}", CAMPAIGN_KINDS, team, cluster)


def build_approvals_project(team: Team, cluster: Cluster) -> Item:
    """Only approvals, only into the same namespace: from a folder that approvers own (CODEOWNERS)."""
    return _team_project(f"approvals-{team.name}", f"Approvals for {team.name}", APPROVAL_KINDS, team, cluster)


def build_folder(team: Team, cluster: Cluster) -> Item:
    """Its folder, as plain files: a kustomization.yaml or a chart in it is not run."""
    path = f"gitops/campaigns/{cluster.environment}/{team.name}"
    return build_application(f"team-{team.name}", f"team-{team.name}", path, cluster, team.namespace, AFTER_PROJECT)


def build_approvals(team: Team, cluster: Cluster) -> Item:
    """What approvers said of its campaigns."""
    name, path = f"approvals-{team.name}", f"gitops/approvals/{cluster.environment}/{team.name}"
    return build_application(name, name, path, cluster, team.namespace, AFTER_PROJECT)


def _team_project(name: str, description: str, kinds: tuple[str, ...], team: Team, cluster: Cluster) -> Item:
    spec = {
        "description": description,
        "sourceRepos": [cluster.repository],
        "destinations": [{"server": HERE, "namespace": team.namespace}],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": [{"group": "herold.dev", "kind": kind} for kind in kinds],
    }
    return build_item("argoproj.io/v1alpha1", "AppProject", name, ARGO_CD, spec=spec)


def build_application(
    name: str,
    project: str,
    path: str,
    cluster: Cluster,
    namespace: str,
    annotations: dict[str, str] | None = None,
    *,
    plain: bool = True,
) -> Item:
    """What lies at `path`, in that namespace. `plain`: files as they are; else whatever a kustomization.yaml makes,
    of this folder and of others."""
    annotations = {**(annotations or {}), **(OWN_FILES if plain else {})}
    spec = {
        "project": project,
        "source": {
            "repoURL": cluster.repository,
            "targetRevision": cluster.branch,
            "path": path,
            # Said and not guessed: whatever else lies in a team's folder, it is a folder of plain files.
            **({"directory": {"recurse": True}} if plain else {}),
        },
        "destination": {"server": HERE, "namespace": namespace},
        "syncPolicy": {
            # An empty folder is a wish, too: a revert of a team's only campaign leaves one.
            "automated": {"prune": True, "selfHeal": True, "allowEmpty": True},
            "syncOptions": ["ServerSideApply=true", "CreateNamespace=false"],
            # What failed is tried again with what is merged by then: a revert need not wait for the end of its mistake.
            "retry": {"limit": -1, "refresh": True, "backoff": {"duration": "2s", "factor": 2, "maxDuration": "15s"}},
        },
    }
    return build_item("argoproj.io/v1alpha1", "Application", name, ARGO_CD, spec=spec, annotations=annotations)


def _binding(name: str, namespace: str, role: str, subjects: list[Item]) -> Item:
    item = build_item("rbac.authorization.k8s.io/v1", "RoleBinding", name, namespace)
    return {
        **item,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


def build_item(
    version: str,
    kind: str,
    name: str,
    namespace: str | None = None,
    *,
    spec: Item | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Item:
    """A resource; what is not given is not in it."""
    metadata: Item = {"name": name}
    for field, value in (("namespace", namespace), ("labels", labels), ("annotations", annotations)):
        if value:
            metadata[field] = value
    item: Item = {"apiVersion": version, "kind": kind, "metadata": metadata}
    return item if spec is None else {**item, "spec": spec}
