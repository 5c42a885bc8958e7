"""Which fields a resource may have: read from the models, for mistakes that say where a field belongs."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from herold.resources.paths import Path


@cache
def fields_of(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The fields of one model by the names that people write."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model of what stands at `path` in a resource of `model`; None when that is no mapping with known fields."""
    here: Any = model
    for part in path:
        here = _below(here, part)
    here = _bare(here)
    return here if _is_model(here) else None


@cache
def homes_of(model: type[BaseModel], name: str) -> tuple[Path, ...]:
    """The mappings of a resource of `model` that have a field `name`; lists are shown by the index 0."""
    return tuple(sorted(_homes(model, name, ()), key=lambda path: (len(path), str(path))))


def _homes(model: type[BaseModel], name: str, path: Path) -> list[Path]:
    found = [path] if name in fields_of(model) else []
    for alias, field in fields_of(model).items():
        here, below = _bare(field.annotation), (*path, alias)
        while get_origin(here) is list:
            here, below = _bare(get_args(here)[0]), (*below, 0)
        if _is_model(here):
            found += _homes(here, name, below)
    return found


def _below(annotation: Any, part: str | int) -> Any:
    annotation = _bare(annotation)
    if _is_model(annotation):
        field = fields_of(annotation).get(str(part))
        return field.annotation if field else None
    if get_origin(annotation) is list:
        return get_args(annotation)[0]
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return None


def _bare(annotation: Any) -> Any:
    """Without Annotated and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(each for each in get_args(annotation) if each is not type(None))
        else:
            return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
