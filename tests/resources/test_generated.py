"""What is generated is current, and the API server would take the CRDs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from herold.resources import KINDS
from herold.resources.crd import crd
from herold.resources.generate import generated, main, stale
from herold.resources.json_schema import json_schema
from herold.resources.meta import Resource
from herold.resources.yaml_reader import read_file
from herold.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    *("$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "const", "title", "patternProperties", "propertyNames"),
    *("exclusiveMinimum", "exclusiveMaximum", "definitions", "nullable", "x-kubernetes-preserve-unknown-fields"),
}
TYPES = {"object", "array", "string", "integer", "boolean"}
MODELS = pytest.mark.parametrize("model", KINDS.values(), ids=KINDS)


def nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema node, with its path."""
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key], f"{path}[]")


def schema_of(model: type[Resource]) -> dict[str, Any]:
    (version,) = crd(model)["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def test_what_is_committed_is_current() -> None:
    assert stale(ROOT) == [], "run `make generate`"
    committed = {*(ROOT / "operator" / "crds").iterdir(), *(ROOT / "docs" / "reference" / "schemas").iterdir()}
    assert committed <= {ROOT / path for path in generated()}


def test_check_fails_when_something_is_stale_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert "operator/crds/campaigns.yaml is stale: run `make generate`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0
    (tmp_path / "operator" / "crds" / "segments.yaml").write_text("changed")
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert "segments.yaml" in capsys.readouterr().err


@MODELS
def test_every_node_of_a_crd_is_structural_and_bounded(model: type[Resource]) -> None:
    for path, node in nodes(schema_of(model), model.__name__):
        assert node.get("type") in TYPES, path
        assert not FORBIDDEN & node.keys(), path
        assert node.get("additionalProperties") is not False, path
        assert not ("properties" in node and "additionalProperties" in node), path
        if not re.search(r"\.spec\b", path):
            continue
        assert node.get("description") or path.endswith("[]"), path
        match node["type"]:
            case "array":
                assert "maxItems" in node, path
                assert "items" in node, path
            case "string":
                assert "maxLength" in node or "enum" in node, path
            case "integer":
                assert {"minimum", "maximum"} <= node.keys(), path
            case "object":
                assert "properties" in node or "maxProperties" in node, path
        if "pattern" in node:
            # RE2, which the API server uses, has no look-around and no back references.
            assert not re.search(r"\(\?[=!<P]|\\[1-9]", node["pattern"]), path


@MODELS
def test_what_a_crd_requires_orders_by_or_defaults_exists(model: type[Resource]) -> None:
    for path, node in nodes(schema_of(model), model.__name__):
        assert set(node.get("required", ())) <= node.get("properties", {}).keys(), path
        for name, below in node.get("properties", {}).items():
            assert not (name in node.get("required", ()) and "default" in below), f"{path}.{name}"
        if "default" in node:
            assert type(node["default"]) is {
                **{"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
            }.get(node["type"]), path
        if node.get("x-kubernetes-list-type") == "map":
            assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"]), path


@MODELS
def test_rules_speak_of_fields_that_the_api_server_has_by_then(model: type[Resource]) -> None:
    seen = 0
    for path, node in nodes(schema_of(model), model.__name__):
        for rule in node.get("x-kubernetes-validations", ()):
            seen += 1
            assert rule["message"], path
            guarded = set(re.findall(r"has\(self\.(\w+)\)", rule["rule"]))
            for name in set(re.findall(r"self\.(\w+)(?!\w*\()", rule["rule"])) - {"matches"}:
                assert name in node["properties"], f"{path}: {name}"
                given = name in node.get("required", ()) or "default" in node["properties"][name]
                assert given or name in guarded, f"{path}: {name} may be missing when `{rule['rule']}` is asked"
    assert seen or model.__name__ == "ContactSchema"


@MODELS
def test_a_crd_prints_columns_that_exist_and_is_kept_when_others_are_pruned(model: type[Resource]) -> None:
    definition = crd(model)
    assert definition["metadata"]["name"] == f"{model.plural}.herold.dev"
    assert definition["metadata"]["annotations"] == {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
    (version,) = definition["spec"]["versions"]
    for column in version["additionalPrinterColumns"][:-1]:
        node = version["schema"]["openAPIV3Schema"]
        path = re.sub(r"\[\?\(@\.type==\"\w+\"\)\]", ".[]", column["jsonPath"])  # the entry of a list by its type
        for name in path.removeprefix(".").split("."):
            node = node["items"] if name == "[]" else node["properties"][name]


def test_short_names_and_plurals_are_each_used_once() -> None:
    names = [name for model in KINDS.values() for name in (model.plural, model.__name__.lower(), *model.short_names)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("file", sorted((ROOT / "operator" / "crds").iterdir()), ids=lambda file: file.name)
def test_crds_read_the_same_to_every_reader_of_yaml(file: Path) -> None:
    reading = read_file(file)
    assert reading.mistakes == []
    assert [document.value for document in reading.documents] == [yaml.safe_load(file.read_text())]


@MODELS
def test_editors_refuse_unknown_fields_everywhere_and_know_every_field(model: type[Resource]) -> None:
    schema = json_schema(model)
    assert schema["required"] == ["apiVersion", "kind", "metadata", "spec"]
    for path, node in nodes(schema["properties"]["spec"], "spec"):
        assert not any(key.startswith("x-kubernetes") for key in node), path
        if "properties" in node:
            assert node["additionalProperties"] is False, path
    ours = {path for path, _ in nodes(schema["properties"]["spec"], "spec")}
    theirs = {path for path, _ in nodes(schema_of(model)["properties"]["spec"], "spec")}
    assert ours == theirs


def test_the_reference_has_every_field_and_every_setting() -> None:
    pages = generated()
    for model in KINDS.values():
        for path, _ in nodes(schema_of(model)["properties"]["spec"], "spec"):
            if path != "spec" and not path.endswith("[]"):
                assert f"| `{path}` |" in pages["docs/reference/resources.md"], path
    for name in Settings.model_fields:
        assert f"| `{PREFIX}{name.upper()}` |" in pages["docs/reference/settings.md"]


def test_nothing_generated_depends_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = generated()
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert generated() == here
