"""A document as a resource, or all that is wrong with its shape, in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from herold.errors import Mistake
from herold.resources import KINDS
from herold.resources.fields import fields_of, homes_of, model_at
from herold.resources.meta import API_VERSION, GROUP, Key, Resource
from herold.resources.nearest import listed, nearest
from herold.resources.paths import Path, dotted, quoted
from herold.resources.scalars import PATTERN_WORDS
from herold.resources.yaml_reader import Document

# Fields of metadata that Kubernetes knows and Herold passes over.
_METADATA = frozenset(
    (
        *("name", "namespace", "labels", "annotations", "generation", "uid", "creationTimestamp", "deletionTimestamp"),
        *("deletionGracePeriodSeconds", "finalizers", "generateName", "managedFields", "ownerReferences"),
        *("resourceVersion", "selfLink"),
    )
)
NO_FIELD = "is not a field here"
# Of one document; looking for near misses takes time, and nobody reads more.
MAX_MISTAKES = 200


@dataclass(frozen=True, slots=True)
class Shaped:
    """`key` is known as soon as kind, namespace and name are, even when `resource` has mistakes."""

    document: Document
    key: Key | None
    resource: Resource | None
    mistakes: tuple[Mistake, ...]


def shape(document: Document) -> Shaped:
    """Read one document as the resource that it says it is."""
    value = document.value
    if not isinstance(value, dict):
        mistakes = [] if document.is_mistaken(()) else [document.mistake((), "is not a resource", _ENVELOPE)]
        return Shaped(document, None, None, tuple(mistakes))
    model, mistakes = _model(document, value)
    if model is None:
        return Shaped(document, None, None, tuple(mistakes))
    key = _key(model, value)
    mistakes += _emptiness(document)
    mistakes += _metadata(document, value.get("metadata"))
    blocked = document.mistaken | {path for path in document.nulls if path[0] != "metadata"} | {("apiVersion",)}
    resource: Resource | None = None
    try:
        # As JSON, because that is what the API server makes of it: '587' is no number there, and 1 is not true.
        resource = model.model_validate_json(json.dumps(value), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        mistakes += _Words(document, model, blocked).mistakes(error)
    if mistakes or document.mistaken:
        resource = None
    return Shaped(document, key, resource, tuple(mistakes))


_ENVELOPE = f"a resource has apiVersion: {API_VERSION}, kind, metadata and spec"


def _model(document: Document, value: dict[str, Any]) -> tuple[type[Resource] | None, list[Mistake]]:
    """The model by apiVersion and kind. With a wrong apiVersion and a known kind the rest is looked at all the same."""
    mistakes = []
    version, kind = value.get("apiVersion"), value.get("kind")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    mistaken = document.is_mistaken(("apiVersion",)) or document.is_mistaken(("kind",))
    if version != API_VERSION and not document.is_mistaken(("apiVersion",)):
        if version is None:
            wrong_key = nearest("apiVersion", (each for each in value if isinstance(each, str) and each != "kind"))
            fix = f"write apiVersion: {API_VERSION}" + (f" instead of {wrong_key}" if wrong_key else "")
            mistakes.append(document.mistake(("apiVersion",), "is missing", fix))
        elif known or _like_ours(str(version)):
            words = f"{quoted(version)} is not a version of Herold"
            mistakes.append(document.mistake(("apiVersion",), words, f"write {API_VERSION}"))
        else:
            words = f"{quoted(version)} does not belong to Herold: only its own resources may stand in these folders"
            mistakes.append(document.mistake(("apiVersion",), words, "move the file out of the campaign folders"))
            return None, mistakes
    if known is None and not document.is_mistaken(("kind",)) and not (mistaken and kind is None):
        near = nearest(str(kind), KINDS) if kind is not None else None
        fix = f"write {near}" if near else f"write one of {listed(KINDS)}"
        words = "is missing" if kind is None else f"{quoted(kind)} is not a kind of resource"
        mistakes.append(document.mistake(("kind",), words, fix))
    return known, mistakes


def _like_ours(version: str) -> bool:
    group = version.partition("/")[0]
    return group == GROUP or nearest(version, [API_VERSION]) is not None or nearest(group, [GROUP]) is not None


def _key(model: type[Resource], value: dict[str, Any]) -> Key | None:
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        return None
    namespace, name = metadata.get("namespace"), metadata.get("name")
    return (model.__name__, namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None


def _emptiness(document: Document) -> list[Mistake]:
    # Kubernetes drops an empty value, or puts the default there; neither is what it looks like.
    return [
        document.mistake(path, "is empty", "write a value, or leave the field out", at_key=True)
        for path in document.nulls
        if path and path[0] != "metadata"
    ]


def _metadata(document: Document, metadata: Any) -> list[Mistake]:
    if not isinstance(metadata, dict):
        return []
    mistakes: list[Mistake] = []
    for name in metadata:
        if name not in _METADATA and len(mistakes) < MAX_MISTAKES:
            near = nearest(name, _METADATA)
            fix = f"write {near}" if near else "remove it; notes of your own go below annotations"
            mistakes.append(document.mistake(("metadata", name), "is not a field of metadata", fix, at_key=True))
    return mistakes


class _Words:
    """Turns the errors of pydantic into mistakes that somebody who never heard of it understands."""

    def __init__(self, document: Document, model: type[BaseModel], blocked: frozenset[Path]) -> None:
        self._document = document
        self._model = model
        self._blocked = blocked

    def mistakes(self, error: ValidationError) -> list[Mistake]:
        items = error.errors(include_url=False)[:MAX_MISTAKES]
        unknown = {_path(item["loc"]) for item in items if item["type"] == "extra_forbidden"}
        meant = {(*path[:-1], self._near(path)) for path in unknown}
        found = []
        for item in items:
            path = _path(item["loc"])
            if any(path[:length] in self._blocked for length in range(len(path) + 1)):
                continue
            if item["type"] == "missing" and (path in meant or self._is_misspelled(path)):
                continue  # it is there, under a name that is named as a mistake of its own
            found.append(
                self._mistake(path, item["type"], item.get("ctx", {}), item["input"], item["msg"], item["loc"])
            )
        if (more := error.error_count() - len(items)) > 0:
            found.append(self._document.mistake((), f"{more} more mistakes are not shown", "mend the others first"))
        return found

    def _mistake(
        self, path: Path, kind: str, ctx: Mapping[str, Any], given: Any, said: str, loc: tuple[int | str, ...]
    ) -> Mistake:
        place = self._document.mistake
        if kind == "herold":
            return place((*path, *ctx["at"]), ctx["message"], ctx["fix"])
        if kind == "extra_forbidden":
            return place(path, NO_FIELD, self._belongs(path), at_key=True)
        if kind == "missing":
            return place(path, "is missing", self._describe(path), at_key=True)
        if loc and loc[-1] == "[key]":
            return place(path, f"{quoted(path[-1])} is not a name that may stand here", _shaped(ctx), at_key=True)
        message, fix = _reason(kind, ctx, given, said)
        return place(path, message, fix)

    def _near(self, path: Path) -> str:
        model = model_at(self._model, path[:-1])
        return (nearest(str(path[-1]), fields_of(model)) if model else None) or ""

    def _belongs(self, path: Path) -> str:
        if near := self._near(path):
            return f"write {near}"
        homes = homes_of(self._model, str(path[-1]))
        model = model_at(self._model, path[:-1])
        if homes and homes[0]:
            return f"it belongs to {dotted(homes[0])}"
        return f"remove it; known here: {listed(fields_of(model), 16)}" if model else "remove it"

    def _is_misspelled(self, path: Path) -> bool:
        """The model of metadata lets unknown fields pass, for those of Kubernetes; a misspelled one is named before."""
        if path[0] != "metadata" or len(path) != 2:
            return False
        given = self._document.value["metadata"]
        return any(name not in _METADATA and nearest(name, _METADATA) == path[1] for name in given)

    def _describe(self, path: Path) -> str:
        model = model_at(self._model, path[:-1])
        field = fields_of(model).get(str(path[-1])) if model else None
        meaning = (field.description or "").partition(". ")[0].rstrip(".") if field else ""
        return f"write it: {meaning}" if meaning else "write it"


def _path(loc: tuple[int | str, ...]) -> Path:
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _reason(kind: str, ctx: Mapping[str, Any], given: Any, said: str) -> tuple[str, str | None]:
    match kind:
        case "string_type":
            return f"must be text, and {_what(given)} is not", _quotes(given)
        case "int_type" | "int_parsing" | "int_from_float":
            whole = isinstance(given, str) and given.lstrip("-").isdecimal()
            return (
                f"must be a whole number, and {_what(given)} is not",
                f"write {given} without quotes" if whole else None,
            )
        case "bool_type":
            told = isinstance(given, str) and given.lower() in ("true", "false")
            return (
                f"must be true or false, and {_what(given)} is not",
                f"write {given.lower()} without quotes" if told else "write true or false",
            )
        case "list_type":
            return f"must be a list, and {_what(given)} is not", "begin each entry with '- ', or write [ ] around them"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"must be a mapping of fields, and {_what(given)} is not", "write its fields below it, indented"
        case "literal_error":
            options = str(ctx["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            near = nearest(str(given), options)
            return (
                f"{_what(given)} is not allowed here",
                f"write {near}" if near else f"write one of {', '.join(options)}",
            )
        case "string_pattern_mismatch":
            return f"{_what(given)} does not fit", _shaped(ctx)
        case "string_too_long":
            return f"is longer than {ctx['max_length']} characters", "shorten it"
        case "string_too_short":
            return ("is empty" if not given else f"is shorter than {ctx['min_length']} characters"), "write more"
        case "too_long":
            return f"has more than {ctx['max_length']} entries", "remove some, or split it"
        case "too_short":
            return f"has fewer than {ctx['min_length']} entries", "add what is missing"
        case "greater_than_equal":
            return f"{_what(given)} is less than {ctx['ge']}", f"write {ctx['ge']} or more"
        case "less_than_equal":
            return f"{_what(given)} is more than {ctx['le']}", f"write {ctx['le']} or less"
        case "value_error":
            message, found, fix = said.removeprefix("Value error, ").partition("; write ")
            return message, f"write {fix}" if found else None
    return f"{said[:1].lower()}{said[1:]}", None


def _shaped(ctx: Mapping[str, Any]) -> str | None:
    words = PATTERN_WORDS.get(str(ctx.get("pattern")))
    if words:
        return f"write {words}"
    return f"write at most {ctx['max_length']} characters" if "max_length" in ctx else None


def _what(given: Any) -> str:
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, list):
        return "a list"
    if given is None:
        return "nothing"
    return str(given).lower() if isinstance(given, bool) else quoted(given)


def _quotes(given: Any) -> str | None:
    return f"write '{_what(given)}', in quotes" if isinstance(given, int) else None
