"""What Git holds for each environment, applied to a real API server by an account with Argo CD's rights and no more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from herold.settings import Settings
from herold_delivery.declared import read_clusters
from herold_delivery.platform import CLUSTER_KINDS, HEROLD, HEROLD_KINDS
from parts.kubernetes import ApiServer, api_server_in, kinds_of, wait_for

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "argocd-application-controller"
ENVIRONMENTS = [cluster.environment for cluster in read_clusters(ROOT / "gitops" / "clusters")]
DIGEST = "sha256:" + "0" * 64
Item = dict[str, Any]


@pytest.fixture(scope="module")
def argo_cd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, Path]]:
    """An API server, and the kubeconfig of Argo CD's controller."""
    with api_server_in(tmp_path_factory.mktemp("kubernetes")) as api:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": "argocd"}}
        api.apply(account)
        for item in yaml.safe_load_all((ROOT / "gitops/bootstrap/argocd/rbac.yaml").read_text()):
            api.apply(item)
        token = api.token_of("argocd", ACCOUNT)
        yield api, api.kubeconfig(ACCOUNT, credentials={"token": token})


def rendered(api: ApiServer, application: Item) -> list[Item]:
    """What Argo CD would make of an Application's source."""
    source = application["spec"]["source"]
    path = ROOT / source["path"]
    if "directory" not in source:
        text = api.kubectl("kustomize", str(path))
        return [item for item in yaml.safe_load_all(text) if item]
    files = sorted(path.glob(source["directory"].get("include", "**/*.yaml")))
    return [item for file in files for item in yaml.safe_load_all(file.read_text(encoding="utf-8")) if item]


def containers(items: list[Item]) -> list[Item]:
    """Of all pods that these resources make."""
    pods = [item.get("spec", {}).get("template", {}).get("spec", {}) for item in items]
    return [container for pod in pods for container in pod.get("containers", ())]


def applications(environment: str) -> list[Item]:
    """Those of an environment, in their order."""
    folder = ROOT / "gitops/clusters" / environment / "rendered"
    files = [folder / "herold.yaml", *sorted(folder.glob("team-*.yaml"))]
    items = [item for file in files for item in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [item for item in items if item["kind"] == "Application"]


def apply(kubeconfig: Path, api: ApiServer, items: list[Item]) -> str:
    """As Argo CD does, server-side; what the API server said against it."""
    if not items:
        return ""  # a folder without resources is a wish, too
    command = [str(api.tools["kubectl"]), f"--kubeconfig={kubeconfig}", "apply", "--server-side", "--force-conflicts"]
    done = subprocess.run(
        [*command, "-f", "-"], input=yaml.safe_dump_all(items), capture_output=True, text=True, timeout=120, check=False
    )
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_argo_cd_brings_all_that_git_holds_for_an_environment_and_its_policies_let_it_in(
    argo_cd: tuple[ApiServer, Path], environment: str
) -> None:
    api, kubeconfig = argo_cd
    folder = ROOT / "gitops/clusters" / environment / "rendered"
    # Namespaces and what is in them are of the cluster; Argo CD's own kinds are not on this server.
    own = [
        item
        for file in sorted(folder.glob("team-*.yaml"))
        for item in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if item["kind"] not in ("AppProject", "Application")
    ]
    assert apply(kubeconfig, api, own) == ""
    if any(item["metadata"]["name"] == "herold-secrets" for item in applications(environment)):
        # In a cloud they come with External Secrets itself.
        for kind in kinds_of("external-secrets"):
            api.apply(kind)
        wait_for("its kinds", lambda: "secretstores" in api.kubectl("api-resources", "--api-group=external-secrets.io"))
    by_name = {item["metadata"]["name"]: rendered(api, item) for item in applications(environment)}
    # The namespaces come with Herold, and parameters lie in one.
    namespaces = [item for item in by_name[HEROLD] if item["kind"] == "Namespace"]
    assert apply(kubeconfig, api, namespaces) == ""
    for items in by_name.values():
        wait_for_kinds(api, items)
        delete_hooks(kubeconfig, api, items)
        assert apply(kubeconfig, api, items) == ""


def delete_hooks(kubeconfig: Path, api: ApiServer, items: list[Item]) -> None:
    """As their annotation asks for: a hook's Job is made anew."""
    policy = "argocd.argoproj.io/hook-delete-policy"
    for item in items:
        metadata = item["metadata"]
        if metadata.get("annotations", {}).get(policy) == "BeforeHookCreation":
            words = (
                "delete",
                item["kind"].lower(),
                metadata["name"],
                "-n",
                metadata["namespace"],
                "--ignore-not-found",
            )
            command = [str(api.tools["kubectl"]), f"--kubeconfig={kubeconfig}", *words]
            subprocess.run(command, check=True, capture_output=True, timeout=60)


def wait_for_kinds(api: ApiServer, items: list[Item]) -> None:
    """A kind that was just declared is served a moment later."""
    if any(item["apiVersion"].startswith("herold.dev/") for item in items):
        wait_for("the kinds", lambda: "campaigns" in api.kubectl("api-resources", "--api-group=herold.dev"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_program_of_an_environment_is_the_one_image_by_digest(
    argo_cd: tuple[ApiServer, Path], environment: str
) -> None:
    api, _ = argo_cd
    (herold,) = [item for item in applications(environment) if item["metadata"]["name"] == HEROLD]
    items = rendered(api, herold)
    images, workers = set(), set()
    for container in containers(items):
        images.add(container["image"])
        workers |= {each["value"] for each in container["env"] if each["name"] == "HEROLD_OPERATOR_WORKER_IMAGE"}
    assert images == workers
    assert {image.partition("@")[2] for image in images} == {DIGEST}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_project_of_herold_lets_in_what_herold_is(argo_cd: tuple[ApiServer, Path], environment: str) -> None:
    api, _ = argo_cd
    let_in = {(group, kind) for kinds in (CLUSTER_KINDS, HEROLD_KINDS) for group in kinds for kind in kinds[group]}
    brought = {
        (item["apiVersion"].rpartition("/")[0], item["kind"])
        for application in applications(environment)
        if application["spec"]["project"] == HEROLD
        for item in rendered(api, application)
    }
    assert brought <= let_in
    external = {("external-secrets.io", "ExternalSecret"), ("external-secrets.io", "SecretStore")}
    assert let_in - brought <= ({("herold.dev", "SenderProfile")} if environment != "test" else external)


def test_every_program_knows_its_environment_and_a_database_without_a_standby_is_for_test_alone(
    argo_cd: tuple[ApiServer, Path],
) -> None:
    api, _ = argo_cd
    for environment in ENVIRONMENTS:
        (herold,) = [item for item in applications(environment) if item["metadata"]["name"] == HEROLD]
        told = [
            {each["name"]: each.get("value", "") for each in container["env"]}
            for container in containers(rendered(api, herold))
        ]
        assert len(told) == 3
        for each in told:
            assert each["HEROLD_SINGLE_NODE"] == ("true" if environment == "test" else "false")
            # As the programs do without being told.
            assert each.get("HEROLD_ENVIRONMENT", Settings().environment) == environment


def test_every_secret_that_a_pod_of_the_platform_must_have_is_brought_from_the_cloud_s_store() -> None:
    folder = ROOT / "gitops/infrastructure/secrets"
    brought = {
        (item["metadata"]["namespace"], item["spec"]["target"]["name"])
        for file in (folder / "platform.yaml", folder / "senders.yaml")
        for item in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    }
    needed = set()
    for file in (ROOT / "operator/deploy").glob("*.yaml"):
        for item in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            pod = item.get("spec", {}).get("template", {}).get("spec", {})
            volumes = [each["secret"] for each in pod.get("volumes", ()) if "secret" in each]
            names = [each["secretName"] for each in volumes if not each.get("optional")]
            variables = [each for container in pod.get("containers", ()) for each in container["env"]]
            names += [each["valueFrom"]["secretKeyRef"]["name"] for each in variables if "secretKeyRef" in str(each)]
            needed |= {(item["metadata"]["namespace"], name) for name in names}
    assert needed
    assert needed <= brought
