"""What is declared inside a cluster, without one: checked as the acting stand-ins check it, and made nowhere."""

from __future__ import annotations

from local.providers import wire
from local.providers.acting import Actor
from local.providers.kubernetes import manifests
from local.providers.kubernetes.provider import Kubernetes
from local.providers.random.provider import Random
from local.providers.server import Mistake
from local.providers.wire import Properties

PACKAGES = ("kubernetes", "random")


class Declared:
    """The stand-in of a package as far as nobody has to be asked."""

    def __init__(self, package: str) -> None:
        self._actor: Actor = Kubernetes() if package == "kubernetes" else Random()
        self.package, self.version = package, self._actor.version

    def note(self) -> str:
        """Nobody reads it."""
        return ""

    def check(self, kind: str, urn: str, inputs: Properties) -> list[Mistake]:
        """All mistakes of the inputs."""
        return self._actor.check(kind, inputs)

    def outputs(self, kind: str, name: str, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        """What is declared; what is drawn is unknown in a preview."""
        if self.package == "random":
            return name, self._actor.create(kind, inputs, preview=preview, seconds=0).outputs
        uid = wire.UNKNOWN if preview else f"uid-of-{name}"
        return name, manifests.outputs_of(inputs, {"metadata": {"uid": uid}})

    def must_replace(self, kind: str, changed: set[str]) -> set[str]:
        """Nothing is changed."""
        return set()

    def answer(self, token: str, arguments: Properties) -> Properties:
        """There are no functions."""
        raise KeyError(token)
