"""A cluster of somebody else: where its images come from, and how what is ours is known again."""

from __future__ import annotations

import pytest
from local.cluster.foreign import HEROLD_VARIABLE, POSTGRES_VARIABLE, Given, Load, build_all, plan_images
from local.cluster.needs import Lack
from local.cluster.ours import is_ours, mark, name_of
from local.cluster.removal import CLUSTER_WIDE, NAMESPACED

GIVEN = {HEROLD_VARIABLE: "registry.example/herold:1", POSTGRES_VARIABLE: "registry.example/postgres:1"}


@pytest.mark.parametrize(
    ("context", "environ", "programs", "plan"),
    [
        ("eks", GIVEN, (), Given("registry.example/herold:1", "registry.example/postgres:1")),
        ("kind-dev", GIVEN, ("kind",), Given("registry.example/herold:1", "registry.example/postgres:1")),
        ("kind-dev", {}, ("kind",), Load(("kind", "load", "image-archive"), ("--name", "dev"))),
        ("k3d-dev", {}, ("k3d",), Load(("k3d", "image", "import"), ("--cluster", "dev"))),
    ],
)
def test_named_images_come_first_and_kind_and_k3d_take_ours(
    context: str, environ: dict[str, str], programs: tuple[str, ...], plan: Given | Load
) -> None:
    assert plan_images(context, environ, lambda name: name in programs) == plan


@pytest.mark.parametrize(("context", "programs"), [("eks", ("kind", "k3d")), ("kind-dev", ("k3d",)), ("k3d-dev", ())])
def test_images_that_nobody_named_and_nobody_can_load_are_a_lack(context: str, programs: tuple[str, ...]) -> None:
    lack = plan_images(context, {HEROLD_VARIABLE: "registry.example/herold:1"}, lambda name: name in programs)
    assert isinstance(lack, Lack)
    assert POSTGRES_VARIABLE in lack.what
    assert HEROLD_VARIABLE not in lack.what


def test_the_label_is_added_and_the_others_stay() -> None:
    item = {"kind": "Service", "metadata": {"name": "a", "namespace": "b", "labels": {"c": "d"}}}
    marked = mark(item)
    assert marked["metadata"]["labels"]["c"] == "d"
    assert (is_ours(marked), is_ours(item)) == (True, False)
    assert name_of(item) == "Service b/a"


def test_down_knows_every_kind_that_up_installs() -> None:
    known = {kind.partition(".")[0] for kind in (*NAMESPACED.split(","), *CLUSTER_WIDE.split(","))}
    # Data: with CONFIRM only.
    known |= {"namespaces", "customresourcedefinitions", "persistentvolumeclaims"}
    kinds = {item["kind"] for item in build_all("localhost/herold:1")}
    plurals = {kind.lower() + ("es" if kind.endswith("s") else "s") for kind in kinds}
    plurals = {plural.replace("policys", "policies") for plural in plurals}
    assert plurals - known == set()
