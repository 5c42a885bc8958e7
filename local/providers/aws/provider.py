"""The stand-in for the AWS provider: it calls nobody, and says of every resource what can be said without AWS."""

from __future__ import annotations

import hashlib
import importlib.metadata
import threading

from local.providers import wire
from local.providers.aws import calls, identity, made_up, shapes
from local.providers.server import Mistake
from local.providers.wire import Properties


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
                outputs[key] = wire.UNKNOWN if preview else made_up.value(kind, key, made, field)
            elif isinstance(outputs[key], dict) and not wire.is_special(outputs[key]):
                # AWS fills in what was left out inside of it, too.
                inner = made_up.missing(kind, key, made, field, outputs[key], preview=preview)
                outputs[key] = {**outputs[key], **inner}
        return made, {key: value for key, value in outputs.items() if value is not None}

    def must_replace(self, kind: str, changed: set[str]) -> set[str]:
        """Only a change of what names the resource; which other changes AWS refuses in place is not known here."""
        return changed & set(identity.NAMED_BY.get(kind, ()))

    def answer(self, token: str, arguments: Properties) -> Properties:
        """The programs ask AWS nothing, so that a preview is the same everywhere."""
        raise KeyError(token)
