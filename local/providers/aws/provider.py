"""The stand-in for the AWS provider: it calls nobody, and says of every resource what can be said without AWS."""

from __future__ import annotations

import hashlib
import importlib.metadata
import threading
from typing import Any

from local.providers import wire
from local.providers.aws import calls, identity, shapes
from local.providers.server import Mistake
from local.providers.wire import Properties

# What it makes up must not look like something real: the account number of AWS's own examples.
ACCOUNT = "123456789012"
REGION = "eu-central-1"


class Aws:
    """Checks inputs against the SDK's types, AWS's models of its calls, and the other resources of the same run."""

    package = "aws"
    version = importlib.metadata.version("pulumi-aws")

    def __init__(self) -> None:
        self._names = identity.Names()
        self._lock = threading.Lock()

    def note(self) -> str:
        """What it can't know, for the engine's output."""
        return (
            "STAND-IN for the AWS provider: nothing is asked of AWS and nothing is made there.\n"
            "Checked: the SDK's types down to nested keys, names that are taken twice, and enumerations, patterns and "
            f"ranges of {len(calls.table())} kinds of resources from AWS's own models.\n"
            "Not known here: quotas, permissions, what a region offers, versions and sizes that exist, names taken by "
            "others, rules between resources."
        )

    def check(self, kind: str, urn: str, inputs: Properties) -> list[Mistake]:
        """All mistakes of the inputs."""
        mistakes = shapes.find_mistakes(kind, inputs)
        if not mistakes:
            mistakes = calls.find_mistakes(kind, inputs)
        with self._lock:
            return mistakes + self._names.claim(kind, urn, inputs)

    def outputs(self, kind: str, name: str, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        """In a preview what AWS would compute is unknown; afterwards it is made up, and the same each time."""
        made = f"{name}-{hashlib.sha256((kind + name).encode()).hexdigest()[:8]}"
        outputs = dict(inputs)
        for key, field in shapes.outputs_of(kind).items():
            if key not in outputs:
                outputs[key] = wire.UNKNOWN if preview else _made_up(kind, key, made, field)
        return made, {key: value for key, value in outputs.items() if value is not None}

    def must_replace(self, kind: str, changed: set[str]) -> set[str]:
        """Only a change of what names the resource; which other changes AWS refuses in place is not known here."""
        return changed & set(identity.NAMED_BY.get(kind, ()))

    def answer(self, token: str, arguments: Properties) -> Properties:
        """The programs ask AWS nothing, so that a preview is the same everywhere."""
        raise KeyError(token)


def _made_up(kind: str, key: str, made: str, field: shapes.Field) -> Any:
    if key == "arn" or key.endswith("Arn"):
        service = kind.split(":")[1].partition("/")[0]
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{made}"
    if not field.required:
        return None
    if str in field.members:
        return f"{made}-{key}"
    if int in field.members or float in field.members:
        return 1
    if bool in field.members:
        return False
    return None
