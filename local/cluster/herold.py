"""Herold itself in the local cluster: kinds, secrets, the ledger's schema, the operator, the examples' platform part.

Each step looks at what is there: a second `up` keeps keys and passwords, and changes nothing when nothing changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa
from local.cluster.database import Database
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CHECKOUT, PLATFORM_NAMESPACE, SENDERS_NAMESPACE
from local.cluster.logins import Login, build_bindings, build_logins, build_script
from local.cluster.ours import Item, apply_ours
from local.cluster.platform import build_manifest
from local.cluster.progress import Progress, wait_until
from local.cluster.secret import build_secret, known_value

from herold.errors import Temporary

SHARED_NAMESPACE = "campaigns-shared"
RELAY_HOST = f"sink.{PLATFORM_NAMESPACE}.svc.cluster.local"
RELAY_AUTHORITY = "herold-relay-ca"
DEPLOY = CHECKOUT / "operator" / "deploy"
SHARED = CHECKOUT / "gitops" / "campaigns" / "test" / "shared"
OPERATOR, READER = "herold-operator", "herold-reader"
WORKER_IMAGE = "HEROLD_OPERATOR_WORKER_IMAGE"
PATIENCE = 180.0


def start_herold(kubectl: Kubectl, image: str, authority: str, database: Database, progress: Progress) -> None:
    """Install Herold from `image`, a reference that the nodes know, where nothing follows Git; until it works."""
    logins = prepare_herold(kubectl, [*build_namespaces(), *build_policies()], authority, database, progress)
    with progress.step("kinds; the ledger has its schema"):
        crds, job = build_crds(), build_migration(image)
        apply_ours(kubectl, [*crds, job])
        names = [f"crd/{item['metadata']['name']}" for item in crds]
        kubectl("wait", "--for=condition=Established", *names, f"--timeout={PATIENCE:.0f}s", seconds=PATIENCE + 10)
        wait_until("herold ledger migrate", lambda: _is_complete(kubectl, job["metadata"]["name"]), seconds=PATIENCE)
    apply_ours(kubectl, [*build_deployed(image), *build_shared()])
    finish_herold(kubectl, logins, database, progress)


def prepare_herold(
    kubectl: Kubectl, first: Iterable[Item], authority: str, database: Database, progress: Progress
) -> tuple[Login, ...]:
    """What neither an image nor Git brings: keys, and a login for each kind of work. `first` are the namespaces.

    Workers trust the `authority` (PEM) for the relay, and no other.
    """
    with progress.step("secrets, and logins of PostgreSQL"):
        apply_ours(kubectl, first)
        add_secrets(kubectl, authority)
        logins = tuple(build_logins(build_brands()))
        database.run(kubectl, build_script(logins, add_passwords(kubectl, logins, database.host)))
    return logins


def finish_herold(kubectl: Kubectl, logins: Iterable[Login], database: Database, progress: Progress) -> None:
    """Until an operator works on a ledger in which each login sees what is its own."""
    shared = build_shared()
    with progress.step("the operator and the read service work"):
        database.run(kubectl, build_bindings(logins))
        for name in (OPERATOR, READER):
            words = ("rollout", "status", "-n", PLATFORM_NAMESPACE, f"deployment/{name}", f"--timeout={PATIENCE:.0f}s")
            kubectl(*words, seconds=PATIENCE + 10)
        # Pods that run are not yet an operator that works: what it says of the platform's own resources is.
        hint = f"kubectl logs -n {PLATFORM_NAMESPACE} deployment/{OPERATOR}"
        wait_until(
            "the operator judges",
            lambda: all(_is_judged(kubectl, item) for item in shared),
            seconds=PATIENCE,
            hint=hint,
        )
    # Before there were logins by kind of workload, workers had the owner's.
    kubectl("delete", "secret", "herold-database", "-n", SENDERS_NAMESPACE, "--ignore-not-found")


def build_crds() -> list[Item]:
    """The kinds."""
    return [item for file in sorted((CHECKOUT / "operator" / "crds").glob("*.yaml")) for item in _read(file)]


def build_policies() -> list[Item]:
    """Who may talk to whom, where the cluster enforces that. They come before the pods."""
    return [
        *_read(DEPLOY / "networkpolicies.yaml"),
        *(item for item in _read_template("herold") if item["kind"] == "NetworkPolicy"),
    ]


def build_own_namespaces() -> list[Item]:
    """Herold's namespaces beside the platform's own, which is there already."""
    return [item for item in _read(DEPLOY / "namespaces.yaml") if item["metadata"]["name"] != PLATFORM_NAMESPACE]


def build_namespaces() -> list[Item]:
    """The same and the team's."""
    return [*build_own_namespaces(), *(item for item in _read_template("herold") if item["kind"] == "Namespace")]


def build_migration(image: str) -> Item:
    """The Job that makes or upgrades the ledger's schema, by the image's name: its template can't be changed."""
    (job,) = _read(DEPLOY / "migrate.yaml")
    job["metadata"]["name"] += f"-{image.rpartition(':')[2]}"
    for container in job["spec"]["template"]["spec"]["containers"]:
        container["image"] = image
    return job


def build_deployed(image: str) -> list[Item]:
    """What operator/deploy has beside namespaces: roles, the operator, the read service; and the team's accounts."""
    roles = [*_read(DEPLOY / "rbac.yaml"), *_read(DEPLOY / "campaign-roles.yaml")]
    return [*roles, *build_operator(image), *build_reader(image), *build_access()]


def build_operator(image: str) -> list[Item]:
    """operator/deploy/operator.yaml with the image of this checkout, for workers too: a new one is rolled out."""
    items = _read(DEPLOY / "operator.yaml")
    for item in items:
        if item["kind"] == "Deployment":
            for container in item["spec"]["template"]["spec"]["containers"]:
                container["image"] = image
                (workers,) = [each for each in container["env"] if each["name"] == WORKER_IMAGE]
                workers["value"] = image
    return items


def build_reader(image: str) -> list[Item]:
    """operator/deploy/reader.yaml with the image of this checkout."""
    items = _read(DEPLOY / "reader.yaml")
    for item in items:
        if item["kind"] == "Deployment":
            for container in item["spec"]["template"]["spec"]["containers"]:
                container["image"] = image
    return items


def build_access() -> list[Item]:
    """Accounts of the team's namespace for people whose kubeconfig has a certificate, as ours has."""
    return [item for item in _read_template("herold") if item["kind"] in ("ServiceAccount", "RoleBinding")]


def build_shared() -> list[Item]:
    """The platform's part of the examples; its senders go to the cluster's relay, over verified TLS."""
    items = [item for file in sorted(SHARED.glob("*.yaml")) for item in _read(file)]
    for item in items:
        if item["kind"] == "SenderProfile":
            item["spec"]["route"] = build_route()
    return items


def build_route() -> Item:
    """`spec.route` of a SenderProfile that uses the cluster's relay."""
    return {"host": RELAY_HOST, "port": 25, "tls": "StartTls", "caRef": {"name": RELAY_AUTHORITY}}


def build_brands() -> set[str]:
    """Brands of the platform's senders."""
    return {item["spec"]["brand"] for item in build_shared() if item["kind"] == "SenderProfile"}


def add_secrets(kubectl: Kubectl, authority: str) -> None:
    """Keys, made once on the cluster."""
    key = known_value(kubectl, PLATFORM_NAMESPACE, "herold-key", "key") or secrets.token_hex(32)
    dkim = known_value(kubectl, SENDERS_NAMESPACE, "shop-dkim", "tls.key") or _dkim_key()
    items = [
        build_secret(SENDERS_NAMESPACE, "shop-dkim", {"tls.key": dkim}),
        build_secret(SENDERS_NAMESPACE, RELAY_AUTHORITY, {"ca.crt": authority}),
    ]
    items += [build_secret(each, "herold-key", {"key": key}) for each in (SENDERS_NAMESPACE, PLATFORM_NAMESPACE)]
    apply_ours(kubectl, items)


def add_passwords(kubectl: Kubectl, logins: Iterable[Login], host: str) -> dict[str, str]:
    """The logins' Secrets; passwords by name of the login, made once on the cluster."""
    passwords = {
        login.name: known_value(kubectl, login.namespace, login.secret, "password") or secrets.token_urlsafe(24)
        for login in logins
    }
    apply_ours(
        kubectl, [build_secret(each.namespace, each.secret, each.data(passwords[each.name], host)) for each in logins]
    )
    return passwords


def _dkim_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode()


def _is_complete(kubectl: Kubectl, name: str) -> bool:
    job = kubectl.get("job", name, "-n", PLATFORM_NAMESPACE)
    conditions = job["status"].get("conditions", ()) if job else ()
    stated = {each["type"] for each in conditions if each["status"] == "True"}
    if "Failed" in stated:
        said = kubectl("logs", "-n", PLATFORM_NAMESPACE, f"job/{name}", "--tail=5")
        raise Temporary(
            f"herold ledger migrate failed: {said}", hint=f"kubectl logs -n {PLATFORM_NAMESPACE} job/{name}"
        )
    return "Complete" in stated


def _is_judged(kubectl: Kubectl, item: Item) -> bool:
    """Whether an operator has said that a resource, as it is now, is right."""
    kind, metadata = item["kind"].lower(), item["metadata"]
    found = kubectl.get(kind, metadata["name"], "-n", metadata["namespace"])
    if found is None:
        return False
    valid = [each for each in found.get("status", {}).get("conditions", ()) if each["type"] == "Valid"]
    return any(
        each["status"] == "True" and each["observedGeneration"] == found["metadata"]["generation"] for each in valid
    )


def _read_template(name: str) -> list[Item]:
    return list(yaml.safe_load_all(build_manifest(name, {})))


def _read(file: Path) -> list[Item]:
    return [item for item in yaml.safe_load_all(file.read_text()) if item]
