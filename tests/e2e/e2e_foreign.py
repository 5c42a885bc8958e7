"""A cluster that is not ours: what goes in, what comes out again, and what stays. Not collected by default: needs root.

make e2e

Our own node plays the foreign cluster, under another context of another kubeconfig, while nothing of Herold is on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from local.cluster import build, images
from local.cluster.foreign import CLASS_VARIABLE, HEROLD_VARIABLE, POSTGRES_VARIABLE
from local.cluster.kubectl import Kubectl
from local.cluster.layout import NODE, PLATFORM_NAMESPACE, here
from local.cluster.ours import to_list
from local.cluster.platform import GREETS
from local.cluster.volumes import make_volume

from e2e.conftest import Found, must, run_cluster
from e2e.people import Crowd, Item

FOREIGN = "somebody-elses"
STORAGE = "by-hand"
KINDS = "namespaces,crd,clusterroles,clusterrolebindings,persistentvolumes,storageclasses,apiservices"


@pytest.fixture(scope="module")
def foreign(found: Found, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which a user has this cluster as one of his own."""
    if found.up or found.kept:
        pytest.skip("there was a cluster before, with what is in it: make down, then make e2e")
    config = json.loads(here().kubeconfig.read_text())
    for entry in config["contexts"]:
        entry["name"] = FOREIGN
    config["current-context"] = "another"
    file = tmp_path_factory.mktemp("foreign") / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(config))
    return {"KUBECONFIG": str(file), "HEROLD_CONTEXT": FOREIGN}


@pytest.fixture(scope="module")
def storage(kubectl: Kubectl) -> Iterator[None]:
    """A class whose volumes were made by hand."""
    folders = [here().volumes / f"foreign-{number}" for number in range(2)]
    for folder in folders:
        make_volume(folder)
    made = [build_class(), *(build_volume(folder) for folder in folders)]
    kubectl("apply", "-f", "-", given=to_list(made))
    yield
    for item in made:
        kubectl("delete", item["kind"].lower(), item["metadata"]["name"], seconds=60)


def build_class() -> Item:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def build_volume(folder: Path) -> Item:
    node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": folder.name},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE,
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}},
        },
    }


def names(kubectl: Kubectl) -> set[str]:
    """What there is beside namespaces' contents."""
    return set(kubectl("get", KINDS, "-o", "name").split())


def test_what_a_foreign_cluster_lacks_is_said_at_once_and_nothing_is_changed(
    foreign: dict[str, str], kubectl: Kubectl
) -> None:
    before = names(kubectl)
    done = run_cluster("up", **foreign)
    assert done.returncode == 4
    assert HEROLD_VARIABLE in done.stderr
    assert POSTGRES_VARIABLE in done.stderr
    assert CLASS_VARIABLE in done.stderr
    gone = run_cluster("up", **foreign | {"HEROLD_CONTEXT": "nowhere"})
    assert gone.returncode != 0
    assert "nowhere" in gone.stderr
    assert names(kubectl) == before


@pytest.mark.usefixtures("storage")
def test_herold_goes_into_a_foreign_cluster_and_out_of_it_and_only_what_is_confirmed_takes_data_along(
    foreign: dict[str, str], kubectl: Kubectl
) -> None:
    before = names(kubectl)
    node = kubectl("get", "node", NODE, "-o", "jsonpath={.metadata.labels}{.spec}")
    herold, postgres = build.build_herold_image(here()), build.build_data_images(here())["postgres"]
    for image in (herold, postgres):
        images.bring_in(here(), image)
    given = foreign | {
        HEROLD_VARIABLE: herold.reference,
        POSTGRES_VARIABLE: postgres.reference,
        CLASS_VARIABLE: STORAGE,
    }

    # Somebody's namespace of that name is in the way, and stays as it is.
    kubectl("create", "namespace", "campaigns-shop")
    refused = run_cluster("up", **given)
    assert refused.returncode == 4
    assert "Namespace campaigns-shop" in refused.stderr
    kubectl("delete", "namespace", "campaigns-shop", seconds=60)
    assert names(kubectl) == before

    must(run_cluster("up", **given))
    kubectl("exec", "-n", PLATFORM_NAMESPACE, "deploy/sink", "--", *GREETS)
    crowd = Crowd.new(1)
    kubectl("apply", "--server-side", "-f", "-", given=to_list(crowd.team()))
    key = kubectl("get", "secret", "herold-key", "-n", PLATFORM_NAMESPACE, "-o", "jsonpath={.data.key}")

    said = must(run_cluster("down", **given))
    assert "CONFIRM=1" in said
    for kind in ("deployments", "statefulsets", "services", "pods"):
        assert kubectl("get", kind, "-n", PLATFORM_NAMESPACE, "-o", "name").split() == []
    assert kubectl("get", "campaign", crowd.name, "-n", "campaigns-shop", "-o", "name")

    must(run_cluster("up", **given))
    assert kubectl("get", "secret", "herold-key", "-n", PLATFORM_NAMESPACE, "-o", "jsonpath={.data.key}") == key
    # Campaigns in a namespace that we did not make would go with their kind.
    kubectl("create", "namespace", "theirs")
    theirs = [{**item, "metadata": {**item["metadata"], "namespace": "theirs"}} for item in crowd.team()]
    kubectl("apply", "--server-side", "-f", "-", given=json.dumps(theirs[0]))
    refused = run_cluster("down", "--confirm", **given)
    assert refused.returncode != 0
    assert f"segments theirs/{crowd.name}" in refused.stderr
    kubectl("delete", "namespace", "theirs", seconds=60)

    must(run_cluster("down", "--confirm", **given))
    assert names(kubectl) == before
    assert kubectl("get", "node", NODE, "-o", "jsonpath={.metadata.labels}{.spec}") == node
