"""Resources as values: from a program's inputs to what is sent, and from what is there back to such inputs."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from local.providers import wire
from local.providers.wire import Path, Properties

SECRET = "Secret"  # noqa: S105 - a kind of resource
SECRET_PATHS: frozenset[Path] = frozenset({("data",), ("stringData",)})
# What the API server gives once and for good; all else that it adds is left out of the state, because it changes.
ASSIGNED = (
    ("metadata", "uid"),
    ("spec", "clusterIP"),
    ("spec", "clusterIPs"),
    ("spec", "volumeName"),
    ("status", "loadBalancer"),
)
# By what an item of a list is known again when somebody else has put another one in front of it.
KEYS = ("name", "containerPort", "mountPath", "port", "key", "ip", "type")


def identify(manifest: Mapping[str, Any]) -> str:
    """`namespace/name`, or `name` of what has no namespace: as the real provider does it."""
    metadata = manifest["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def describe(manifest: Mapping[str, Any]) -> str:
    """For people: `StatefulSet herold-data/postgres`."""
    return f"{manifest['kind']} {identify(manifest)}"


def to_manifest(inputs: Properties) -> Properties:
    """What is sent. `stringData` is sent as `data`: the API server forgets whose the former was."""
    manifest = copy.deepcopy(inputs)
    texts = manifest.pop("stringData", None)
    if texts:
        manifest["data"] = {**(manifest.get("data") or {}), **{key: _coded(text) for key, text in texts.items()}}
    return manifest


def annotation(manifest: Mapping[str, Any], name: str) -> str | None:
    """`pulumi.com/<name>` of a resource."""
    value = (manifest["metadata"].get("annotations") or {}).get(f"pulumi.com/{name}")
    return value if isinstance(value, str) else None


def outputs_of(inputs: Properties, live: Mapping[str, Any]) -> Properties:
    """What is declared, and what the API server has assigned for good."""
    outputs = copy.deepcopy(inputs)
    for way in ASSIGNED:
        value: Any = live
        for key in way:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value:
            place = outputs
            for key in way[:-1]:
                place = place.setdefault(key, {})
            place[way[-1]] = value
    return outputs


def project(shape: Any, live: Any, wanted: Any = None) -> Any:
    """What is there of that which is declared: not what others added, and not what is gone.

    `wanted`: what an apply would make of `live`. What it would take away again is no addition of somebody's: an item of
    a list, or a key of a selector, that belongs to whoever declares the whole of it.
    """
    if isinstance(shape, dict) and isinstance(live, Mapping):
        then = wanted if isinstance(wanted, Mapping) else live
        taken_away = {key: live[key] for key in live if key not in shape and key not in then}
        return {key: project(item, live[key], then.get(key)) for key, item in shape.items() if key in live} | taken_away
    if isinstance(shape, list) and isinstance(live, list):
        after = wanted if isinstance(wanted, list) else live
        return _project_items(shape, live, after)
    return live


def _project_items(shape: list[Any], live: list[Any], wanted: list[Any]) -> list[Any]:
    key = _key_of(shape)
    if key is None:
        if len(shape) != len(live):
            return live
        then = wanted if len(wanted) == len(live) else live
        return [project(*items) for items in zip(shape, live, then, strict=True)]
    here, after, declared = _by_key(live, key), _by_key(wanted, key), {item[key] for item in shape}
    taken_away = [item for name, item in here.items() if name not in declared and name not in after]
    return [project(item, here[item[key]], after.get(item[key])) for item in shape if item[key] in here] + taken_away


def _by_key(items: list[Any], key: str) -> dict[Any, Any]:
    return {item.get(key): item for item in items if isinstance(item, Mapping)}


def inputs_of(inputs: Properties, live: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> Properties:
    """The inputs that would lead to what is there. `wanted`: what an apply of the inputs would make of it; None where
    the API server does not say.

    It writes some values its own way (`1000m` as `1`): where an apply would change nothing, nothing has drifted.
    """
    sent = to_manifest(inputs)
    found = _as_declared(sent, project(sent, sent if wanted is None else wanted), project(sent, live, wanted))
    assert isinstance(found, dict)
    if texts := inputs.get("stringData"):
        data = found.pop("data", {})
        found["stringData"] = {key: _plain(data[key]) for key in texts if key in data}
        if "data" in inputs:
            found["data"] = {key: value for key, value in data.items() if key in inputs["data"]}
    return found


def _as_declared(declared: Any, wanted: Any, live: Any) -> Any:
    if wanted == live:
        return copy.deepcopy(declared)
    if isinstance(declared, dict) and isinstance(wanted, dict) and isinstance(live, dict):
        # What would not be there either, such as an empty map, is not missing.
        here = [key for key in declared if key in live or key not in wanted]
        taken_away = {key: copy.deepcopy(live[key]) for key in live if key not in declared}
        return {key: _as_declared(declared[key], wanted.get(key), live.get(key)) for key in here} | taken_away
    lists = isinstance(declared, list) and isinstance(wanted, list) and isinstance(live, list)
    if lists and len(declared) == len(wanted) == len(live):
        return [_as_declared(*items) for items in zip(declared, wanted, live, strict=True)]
    return copy.deepcopy(live)


def bare(live: Mapping[str, Any]) -> Properties:
    """Something that no program has declared yet, as one would have."""
    kept = {key: copy.deepcopy(value) for key, value in live.items() if key not in ("status", "metadata")}
    metadata = live["metadata"]
    kept["metadata"] = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
    return kept


def _key_of(items: list[Any]) -> str | None:
    """By which key the items can be told apart; None where there is none."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for key in KEYS:
        values = [json.dumps(item.get(key)) for item in items]
        if all(key in item for item in items) and len(set(values)) == len(values):
            return key
    return None


def owners(live: Mapping[str, Any]) -> Iterator[str]:
    """Who has fields of it."""
    for entry in live["metadata"].get("managedFields") or ():
        yield str(entry.get("manager"))


def _coded(text: str) -> str:
    return text if text == wire.UNKNOWN else base64.b64encode(text.encode()).decode()


def _plain(coded: str) -> str:
    return base64.b64decode(coded).decode(errors="replace")
