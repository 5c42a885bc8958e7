"""The schema of a kind as one plain tree, without references: what the emitters make their output from."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

Node = dict[str, Any]

EXTENSION = "x-kubernetes-"


class _WithDefaults(GenerateJsonSchema):
    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """Defaults made by a factory are written too: the API server puts them there before it checks any rule."""
        factory = schema.get("default_factory")
        return factory() if factory is not None else super().get_default_value(schema)  # type: ignore[call-arg]


def schema_of(model: type[BaseModel]) -> Node:
    """JSON Schema of a model: `$ref`s written out, optional fields without their null, no titles.

    Extensions (`x-kubernetes-…`) are kept. Objects refuse unknown fields by `additionalProperties: false`.
    """
    whole = model.model_json_schema(by_alias=True, schema_generator=_WithDefaults)
    return _plain(whole, whole.get("$defs", {}))


def _plain(node: Node, definitions: dict[str, Node]) -> Node:
    if "$ref" in node:
        named = definitions[node["$ref"].removeprefix("#/$defs/")]
        node = {**named, **{key: value for key, value in node.items() if key != "$ref"}}
    if "anyOf" in node:
        # A field that may be left out; that it may be null is how Python says so.
        kept = next(each for each in node["anyOf"] if each.get("type") != "null")
        around = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
        return _plain({**kept, **around}, definitions)
    plain: Node = {}
    for key, value in node.items():
        if key in ("title", "$defs"):
            continue
        if key == "const":
            plain["enum"] = [value]
        elif key == "description":
            plain[key] = " ".join(value.split())
        elif key == "patternProperties":
            # A mapping whose names have a shape. Structural schemas know values only.
            (pattern, value), *_ = value.items()
            plain |= {"additionalProperties": _plain(value, definitions), "propertyNames": {"pattern": pattern}}
        elif key == "properties":
            plain[key] = {name: _plain(each, definitions) for name, each in value.items()}
        elif key == "propertyNames":
            plain[key] = {**plain.get(key, {}), **_plain(value, definitions)}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            plain[key] = _plain(value, definitions)
        else:
            plain[key] = value
    return plain
