"""What the local cluster is made of: command lines, settings, manifests, images, keys of the cache."""

from __future__ import annotations

import base64
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from local.cluster.components import ENFORCER, PORTS, build_components
from local.cluster.dns import build_question, has_answer
from local.cluster.gitserver import build_server
from local.cluster.layout import CHECKOUT, NODE, NODE_BRIDGE, POD_BRIDGE, Layout, read_layout
from local.cluster.needs import PACKAGES
from local.cluster.pki import AUTHORITIES, KUBECONFIGS, LEAVES
from local.cluster.platform import FOLDER, build_claiming, build_manifest, build_metrics, build_postgres, build_relay
from local.cluster.settings import build_settings
from local.cluster.tools import SOURCES, TOOLS, Programs, Tool, key_of
from local.cluster.traces import NAMES, Traces, compare, from_json, to_json
from local.engine.local import VOLUMES
from local.images.data import DATA, find_programs
from local.images.debian import UID, Debian
from local.images.recipes import APPLICATION, DEBIAN, PYTHON_BASE, SITE, is_shipped, pip_command

from herold_infra.kubernetes.component import Place
from herold_infra.kubernetes.pods import Volumes
from herold_infra.kubernetes.postgres import PostgresArgs
from herold_infra.kubernetes.postgres import build_postgres as build_replicated
from herold_infra.kubernetes.rabbitmq import RabbitmqArgs, build_rabbitmq
from herold_infra.kubernetes.redis import RedisArgs, build_redis

LAYOUT = Layout(cache=Path("/cache"), state=Path("/state"))
IMAGES = {"coredns": "localhost/c:1", "herold": "localhost/h:1", "postgres": "localhost/p:1"}
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    for name in PROGRAMS:
        (tmp_path / name).touch()
    return Programs((tmp_path,))


def _documents(name: str) -> list[dict[str, Any]]:
    if name == "git":
        return build_server("localhost/g:1", Path("/volumes"))
    text = build_metrics("localhost/m:1", "PEM\n") if name == "metrics" else ""
    return list(yaml.safe_load_all(text or build_manifest(name, IMAGES, volumes=Path("/volumes"))))


def _pods() -> list[dict[str, Any]]:
    documents = [each for file in FOLDER.glob("*.yaml") for each in _documents(file.stem)]
    return [each["spec"]["template"]["spec"] for each in documents if each["kind"] in {"Deployment", "StatefulSet"}]


def test_the_cache_follows_the_xdg_variable_only_when_it_is_absolute() -> None:
    home = Path("/home/me")
    assert read_layout({"XDG_CACHE_HOME": "/c"}, home).cache == Path("/c/herold")
    assert read_layout({"XDG_CACHE_HOME": "c"}, home).cache == Path("/home/me/.cache/herold")
    assert read_layout({}, home).cache == Path("/home/me/.cache/herold")


def test_every_file_that_a_command_line_names_is_one_that_up_writes(programs: Programs) -> None:
    written = {f"/state/etc/{name}" for name in build_settings(LAYOUT)}
    written |= {f"/state/pki/{leaf.file}.{kind}" for leaf in LEAVES for kind in ("crt", "key")}
    written |= {f"/state/pki/{name}.{kind}" for name in (*AUTHORITIES, "sa") for kind in ("crt", "key")}
    written |= {f"/state/pki/{client}.kubeconfig" for client in KUBECONFIGS}
    text = "\n".join(
        [" ".join(component.argv) for component in build_components(LAYOUT, programs).values()]
        + list(build_settings(LAYOUT).values())
    )
    named = set(re.findall(r"/state/(?:etc|pki)/[\w./-]+\.(?:crt|key|kubeconfig|yaml|toml|conf)", text))
    assert named
    assert named <= written


def test_down_finds_every_component_that_up_starts(programs: Programs) -> None:
    assert tuple(build_components(LAYOUT, programs)) == NAMES
    for component in build_components(LAYOUT, programs).values():
        assert Path(component.argv[0]).name == component.name or ENFORCER in component.argv
        assert any("/state/" in word for word in component.argv[1:]), "a stray is known by a path of ours"


def test_nothing_listens_beyond_this_machine(programs: Programs) -> None:
    words = [word for component in build_components(LAYOUT, programs).values() for word in component.argv]
    listens = [word for word in words if re.match(r"--(listen|bind|advertise).*=", word)]
    assert len(listens) >= 7
    for word in listens:
        assert re.search(r"=(https?://)?(127\.0\.0\.1|10\.44\.0\.1)(:\d+)?$", word), word
    kubelet = yaml.safe_load(build_settings(LAYOUT)["kubelet.yaml"])
    assert (kubelet["address"], kubelet["healthzBindAddress"]) == ("10.44.0.1", "127.0.0.1")
    assert kubelet["healthzPort"] in PORTS


def test_settings_are_what_their_readers_parse() -> None:
    settings = build_settings(LAYOUT)
    containerd = tomllib.loads(settings["containerd.toml"])
    assert containerd["grpc"]["address"] == "/state/run/containerd.sock"
    network = json.loads(settings["cni/10-herold.conflist"])
    assert network["plugins"][0]["bridge"] == POD_BRIDGE
    assert yaml.safe_load(settings["kube-proxy.yaml"])["mode"] == "nftables"
    assert max(len(NODE_BRIDGE), len(POD_BRIDGE)) <= 15


def test_every_pod_runs_as_nobody_on_a_root_that_it_can_not_write() -> None:
    pods = _pods()
    assert len(pods) == 5
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            assert container["readinessProbe"]


def test_a_manifest_with_an_open_place_is_an_error() -> None:
    with pytest.raises(KeyError):
        build_manifest("relay", {})


def test_the_relay_has_a_volume_that_nobody_else_can_claim() -> None:
    (volume,) = _documents("volumes")
    assert volume["spec"]["local"] == {"path": "/volumes/sink"}
    assert volume["spec"]["claimRef"] == {"namespace": "herold-platform", "name": "sink-data"}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_up_makes_the_folders_that_the_stack_s_volumes_lie_in() -> None:
    place, volumes = Place("test", "herold-data"), Volumes("/v", "node")
    items = [
        *build_replicated(PostgresArgs(place, "i", "s", (), volumes)),
        *build_redis(RedisArgs(place, "i", "s", (), volumes)),
        *build_rabbitmq(RabbitmqArgs(place, "i", "s", (), volumes)),
    ]
    paths = [item["spec"]["local"]["path"] for item in items if item["kind"] == "PersistentVolume"]
    assert sorted(paths) == sorted(f"/v/{name}" for name in VOLUMES)
    stack = yaml.safe_load((CHECKOUT / "pulumi/stacks/Pulumi.local-test.yaml").read_text())
    assert stack["config"]["herold:stack"]["volumes"] == {
        "folder": str(read_layout({}, Path("/")).volumes), "node": NODE
    }  # fmt: skip


def test_the_metrics_server_and_the_api_server_trust_the_clusters_own_authority_and_no_other() -> None:
    documents = {each["kind"]: each for each in _documents("metrics")}
    assert documents["ConfigMap"]["data"] == {"ca.crt": "PEM\n"}
    assert base64.b64decode(documents["APIService"]["spec"]["caBundle"]) == b"PEM\n"
    assert "insecureSkipTLSVerify" not in documents["APIService"]["spec"]
    (container,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert "--kubelet-certificate-authority=/run/authority/ca.crt" in container["args"]


def test_on_a_foreign_cluster_volumes_come_from_its_storage_class() -> None:
    for given in (None, "fast"):
        items = build_claiming([*build_relay("h"), *build_postgres("p")], given)
        claims = [each["spec"] for each in items if each["kind"] == "PersistentVolumeClaim"]
        claims += [claim["spec"] for each in items for claim in each.get("spec", {}).get("volumeClaimTemplates", ())]
        assert len(claims) == 2
        assert {claim.get("storageClassName") for claim in claims} == {given}
        assert not any("volumeName" in claim for claim in claims)


def test_every_module_of_the_tools_is_pinned(tmp_path: Path) -> None:
    folders = [folder for folder in SOURCES.iterdir() if folder.is_dir()]
    assert {tool.module for tool in TOOLS} <= {folder.name for folder in folders}
    for folder in folders:
        assert "require" not in (folder / "go.mod").read_text() or (folder / "go.sum").exists()


def test_the_key_of_a_tool_changes_with_its_files_flags_and_compiler(tmp_path: Path) -> None:
    tool = Tool("x", output="x")
    (tmp_path / "go.mod").write_text("module x\n")
    keys = [key_of(tool, tmp_path, "go1.26.8"), key_of(tool, tmp_path, "go1.26.9")]
    keys.append(key_of(Tool("x", output="x", variables=(("a.b", "1"),)), tmp_path, "go1.26.8"))
    (tmp_path / "README.md").write_text("no matter\n")
    assert key_of(tool, tmp_path, "go1.26.8") == keys[0]
    (tmp_path / "go.mod").write_text("module x\n\ngo 1.25\n")
    keys.append(key_of(tool, tmp_path, "go1.26.8"))
    assert len(set(keys)) == 4


def test_dependencies_are_wheels_with_the_hashes_of_the_lock() -> None:
    command = pip_command(Path("locks/runtime.txt"))
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:", "--python-version=3.11"} <= set(command)


def test_the_containerfile_says_what_the_recipes_say() -> None:
    text = (CHECKOUT / "Containerfile").read_text()
    assert f"USER {UID}:{UID}" in text
    assert f"PYTHONPATH=/{APPLICATION}:/{SITE}" in text
    assert all(" ".join(debian.packages) in text for debian in (DEBIAN, PYTHON_BASE))
    assert 'ENTRYPOINT ["/usr/bin/python3.11", "-m", "herold.cli"]' in text
    assert "--require-hashes --no-deps" in text


@pytest.mark.parametrize("name", ["postgres", "redis", "rabbitmq"])
def test_the_containerfile_of_a_data_service_says_what_its_recipe_says(name: str) -> None:
    folder = CHECKOUT / "local" / "images" / name
    text = re.sub(r"\s*\\\n\s*", " ", (folder / "Containerfile").read_text())
    debian: Debian | None = DATA[name]
    while debian:
        assert " ".join(debian.packages) in text
        assert all(path in text for path in debian.without)
        debian = debian.upon
    assert f"USER {UID}:{UID}" in text
    programs = find_programs(folder)
    copied = {word for word in text.split() if word.startswith(f"local/images/{name}/")} - {
        f"local/images/{name}/Containerfile"
    }
    assert {str(file.relative_to(CHECKOUT)) for file in programs.values()} == copied
    assert all(os.access(file, os.X_OK) for file in programs.values())
    assert all(f"/usr/local/bin/{program}" in text for program, file in programs.items() if file.suffix)


def test_ci_installs_every_package_that_a_cluster_needs() -> None:
    text = (CHECKOUT / ".ci" / "run").read_text()
    # What belongs to every Debian is not looked for.
    wanted = {package for _, package in PACKAGES} - {"mount", "coreutils"}
    assert {package for package in wanted if f"missing+=({package})" not in text} == set()


def test_what_python_compiled_here_is_not_shipped() -> None:
    assert is_shipped("herold/ledger/sql/claim.sql")
    assert not is_shipped("herold/__pycache__/errors.cpython-311.pyc")


def test_what_is_new_is_told_and_what_has_gone_is_not() -> None:
    before = Traces((), ("/a", "/b"), ("lo",), (), (), ("x = 1",), ())
    after = Traces((), ("/a",), ("lo", "herold0"), (), (), ("x = 2",), ())
    assert from_json(to_json(before)) == before
    new = {difference.kind: difference.new for difference in compare(before, after) if difference.new}
    assert new == {"links": ("herold0",), "sysctls": ("x = 2",)}


def test_a_question_has_the_name_in_labels_and_an_empty_reply_is_no_answer() -> None:
    assert build_question("ab.c")[12:] == b"\x02ab\x01c\0\0\x01\0\x01"
    assert has_answer(b"\0\1\x81\x80\0\1\0\1\0\0\0\0")
    assert not has_answer(b"\0\1\x81\x83\0\1\0\0\0\0\0\0")
    assert not has_answer(b"\0\1\x81\x80\0\1\0\0\0\0\0\0")
