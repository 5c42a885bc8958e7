"""CustomResourceDefinitions: structural schemas that the API server accepts, with its own rules for shape.

What it refuses in such a schema, or takes too long over, is left out or bounded here: `additionalProperties: false`
(unknown fields are refused by server-side apply, and pruned otherwise), `$ref`, `const`, null.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

from typing import Any

from herold.resources.meta import GROUP, VERSION, Metadata, Resource
from herold.resources.schema import Node, schema_of
from herold.resources.status import CampaignStatus, ResourceStatus

# A resource that is deleted with its definition would take all campaigns with it.
_KEEP = {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
# All others only say whether they are valid.
_STATUS: dict[str, type[ResourceStatus]] = {"Campaign": CampaignStatus}
_VALID = ("Valid", "string", '.status.conditions[?(@.type=="Valid")].status')
_ORDER = ("type", "description", "default", "enum", "properties", "required", "items", "additionalProperties")


def crd(model: type[Resource]) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, ready to be written as YAML."""
    kind = model.__name__
    schema = schema_of(model)
    name = schema_of(Metadata)["properties"]["name"]
    properties = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        # Only the name may be bounded here, and Herold's are labels.
        "metadata": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": name["maxLength"], "pattern": name["pattern"]},
            },
        },
        "spec": structural(schema["properties"]["spec"]),
        "status": structural(schema_of(_STATUS.get(kind, ResourceStatus))),
    }
    columns = model.columns if kind in _STATUS else (*model.columns, _VALID)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{model.plural}.{GROUP}", "annotations": _KEEP},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": model.plural,
                "singular": kind.lower(),
                "shortNames": list(model.short_names),
                "categories": ["herold"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        *(
                            {"name": name, "type": type_, "jsonPath": path, "priority": int(name in model.wide)}
                            for name, type_, path in columns
                        ),
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": schema["description"],
                            "properties": properties,
                            "required": ["spec"],
                        }
                    },
                }
            ],
        },
    }


def structural(node: Node) -> Node:
    """A node as a structural schema has it."""
    node = {key: value for key, value in node.items() if key not in ("propertyNames", "$schema")}
    if node.get("additionalProperties") is False:
        del node["additionalProperties"]
    plain: Node = {}
    for key in (*(each for each in _ORDER if each in node), *(each for each in node if each not in _ORDER)):
        value = node[key]
        if key == "properties":
            plain[key] = {name: structural(each) for name, each in value.items()}
        elif key in ("items", "additionalProperties"):
            plain[key] = structural(value)
        else:
            plain[key] = value
    return plain
