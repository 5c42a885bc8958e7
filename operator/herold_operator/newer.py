"""An operator that is older than the CRD: what it does not know it leaves as it is, and does not obey.

A CRD is upgraded before the operator, and an upgrade of the operator may be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from herold.errors import Mistake
from herold.resources.fields import fields_of, model_at
from herold.resources.shape import NO_FIELD
from herold_operator.reasons import ConditionType

# The API server refuses or prunes what its CRD does not have: what arrives here is a field of a later version.
FIX = "it is not obeyed, and nothing starts: this operator is older than the CRD; upgrade it, or remove the field"


def explain_unknown(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """Mistakes of a resource, with what an unknown field means on a cluster."""
    return tuple(
        replace(each, message="is not known here", fix=FIX) if each.message == NO_FIELD else each for each in mistakes
    )


def keep_unknown(status: Mapping[str, Any], before: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """`status` with those fields and conditions of `before` that only a later version of us writes: a server-side apply
    without them would take them away."""
    kept = {name: value for name, value in before.items() if name not in fields_of(model)}
    for name, value in status.items():
        old, below = before.get(name), model_at(model, (name,))
        if below is not None and isinstance(value, Mapping) and isinstance(old, Mapping):
            kept[name] = keep_unknown(value, old, below)
        elif name == "conditions":
            kept[name] = [*value, *(each for each in old or () if each["type"] not in set(ConditionType))]
        else:
            kept[name] = value
    return kept
