"""JSON Schemas for editors: they complete fields, show what each means, and refuse what is unknown."""

from __future__ import annotations

from herold.resources.meta import Resource
from herold.resources.schema import EXTENSION, Node, schema_of


def json_schema(model: type[Resource]) -> Node:
    """JSON Schema (draft 7, which editors of YAML speak) of a kind."""
    schema = _for_editors(schema_of(model))
    schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
    for envelope in ("apiVersion", "kind"):
        schema["properties"][envelope].pop("default", None)
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": model.__name__, **schema}


def _for_editors(node: Node) -> Node:
    plain: Node = {}
    for key, value in node.items():
        if key.startswith(EXTENSION):
            continue
        if key == "properties":
            plain[key] = {name: _for_editors(each) for name, each in value.items()}
        elif key in ("items", "additionalProperties", "propertyNames") and isinstance(value, dict):
            plain[key] = _for_editors(value)
        else:
            plain[key] = value
    return plain
