"""For each rule about what is inside a cluster: how a stack breaks it, and one line of the program that does."""

from __future__ import annotations

from infra.edits import Edit, put, unprotect, unset, without
from infra.lines import Line

SET = "kubernetes:apps/v1:StatefulSet"
NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
POD = "spec.template.spec"
CONTAINER = f"{POD}.containers[0]"
SECURITY = f"{CONTAINER}.securityContext"

BREAKS: dict[str, tuple[Edit, ...]] = {
    "pods-are-restricted": (
        unset(SET, f"{POD}.securityContext.runAsNonRoot", "postgres"),
        unset(SET, f"{POD}.securityContext.seccompProfile", "redis"),
        unset(SET, f"{SECURITY}.allowPrivilegeEscalation", "redis"),
        unset(SET, f"{SECURITY}.readOnlyRootFilesystem", "rabbitmq"),
        unset(SET, f"{SECURITY}.capabilities"),
        put(SET, f"{POD}.containers", []),
        put(SET, f"{SECURITY}.privileged", True),
        put(SET, f"{SECURITY}.runAsUser", 0),
        put(SET, f"{SECURITY}.capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        put(SET, f"{POD}.hostNetwork", True),
        put(SET, f"{POD}.volumes", [{"name": "node", "hostPath": {"path": "/"}}]),
        put(SET, f"{POD}.initContainers", [{"name": "first"}]),
    ),
    "images-are-pinned": (
        unset(SET, f"{CONTAINER}.image"),
        put(SET, f"{CONTAINER}.image", "docker.io/library/postgres:15"),
    ),
    "secrets-are-files": (
        put(SET, f"{CONTAINER}.env", [{"name": "PGPASSWORD", "value": "in clear"}]),
        put(SET, f"{CONTAINER}.env", [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]),
        put(SET, f"{CONTAINER}.envFrom", [{"secretRef": {"name": "a"}}]),
    ),
    "memory-is-limited": (
        unset(SET, f"{CONTAINER}.resources"),
        unset(SET, f"{CONTAINER}.resources.limits.memory"),
        unset(SET, f"{CONTAINER}.resources.requests.memory"),
    ),
    "tokens-are-asked-for": (
        unset(SET, f"{POD}.automountServiceAccountToken", "redis"),
        put(SET, POD, {"automountServiceAccountToken": True}),
    ),
    "namespaces-are-closed": (
        without(POLICY, NAMESPACE, "nothing-else"),
        unset(POLICY, "spec.policyTypes", "nothing-else", blamed=NAMESPACE, whose="herold-data"),
        put(POLICY, "spec.policyTypes", ["Ingress"], "nothing-else", blamed=NAMESPACE, whose="herold-data"),
        put(POLICY, "spec.ingress", [{}], "nothing-else", blamed=NAMESPACE, whose="herold-data"),
        put(POLICY, "spec.podSelector", {"matchLabels": {"a": "b"}}, "nothing-else", blamed=NAMESPACE, whose="data"),
    ),
    "namespaces-are-restricted": (
        unset(NAMESPACE, "metadata.labels"),
        put(NAMESPACE, "metadata.labels", {"pod-security.kubernetes.io/enforce": "baseline"}),
    ),
    "cluster-data-is-protected": (
        unprotect(NAMESPACE),
        unprotect(SET),
        unprotect("kubernetes:core/v1:Secret"),
        unprotect("kubernetes:core/v1:PersistentVolume"),
        unprotect("random:index/randomPassword:RandomPassword"),
    ),
}

PODS = "herold_infra/kubernetes/pods.py"
REDIS = "herold_infra/kubernetes/redis.py"
RABBITMQ = "herold_infra/kubernetes/rabbitmq.py"
HOME = "herold_infra/kubernetes/data_namespace.py"

LINES: dict[str, Line] = {
    "pods-are-restricted": Line(PODS, '"allowPrivilegeEscalation": False, ', "", "postgres"),
    "images-are-pinned": Line(REDIS, '"image": args.image', '"image": "docker.io/library/redis:7"', "redis"),
    "secrets-are-files": Line(
        RABBITMQ,
        '        "env": [\n',
        '        "env": [\n            {"name": "PASSWORD", "value": "guest"},\n',
        "rabbitmq",
    ),
    "memory-is-limited": Line(RABBITMQ, ', "limits": {"memory": "640Mi"}', "", "rabbitmq"),
    "tokens-are-asked-for": Line(
        PODS,
        '        "automountServiceAccountToken": False,\n        "enableServiceLinks"',
        '        "enableServiceLinks"',
        "redis",
    ),
    "namespaces-are-closed": Line(HOME, '["Ingress", "Egress"]', '["Ingress"]', "herold-data"),
    "namespaces-are-restricted": Line(HOME, '"restricted"', '"baseline"', "herold-data"),
    "cluster-data-is-protected": Line(
        "herold_infra/kubernetes/declaring.py",
        "owner.kept(after=needs) if kind in HOLDS_DATA",
        "owner.inside(after=needs) if kind in HOLDS_DATA",
        "postgres",
    ),
}
