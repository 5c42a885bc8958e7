"""The engine's protocol for a stand-in that really makes things, and so has to find, change and delete them again.

Values reach the stand-in in clear; what was secret on the wire is secret again in whatever goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import status_pb2
from local.providers import wire
from local.providers.server import Base, Mistake
from local.providers.wire import Path, Properties
from pulumi.runtime.proto import provider_pb2

T = TypeVar("T")
DETAILS = "grpc-status-details-bin"


class Failed(Exception):
    """The far side said no; the message says what happened and what to do."""


class NotReady(Exception):
    """It is there, but not as it should be: the engine keeps it in its state and tries again at the next `up`."""

    def __init__(self, made: Made, reason: str) -> None:
        super().__init__(reason)
        self.made, self.reason = made, reason


@dataclass(frozen=True)
class Made:
    """What is there now: identifier, outputs, and the inputs that would have led to it."""

    identifier: str
    outputs: Properties
    inputs: Properties


@dataclass(frozen=True)
class Difference:
    """Paths that differ, each with `add`, `delete` or `update`; those that ask for a new one in the old one's place."""

    changes: Mapping[str, str] = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()


class Actor(Protocol):
    """What an acting stand-in does. `kind` is a type token; `seconds` is 0 where the program says no deadline."""

    package: str
    version: str

    def note(self) -> str:
        """One sentence for whoever reads the engine's output."""

    def configure(self, settings: Properties) -> None:
        """The provider's own settings. Raises Failed."""

    def check(self, kind: str, inputs: Properties) -> list[Mistake]:
        """All mistakes of the inputs; it may add to the inputs what the real provider would."""

    def secret(self, kind: str) -> frozenset[Path]:
        """What is secret in every resource of the kind, whoever says it."""

    def compare(self, kind: str, identifier: str, old: Properties, new: Properties) -> Difference:
        """Inputs of then and of now."""

    def create(self, kind: str, inputs: Properties, *, preview: bool, seconds: float) -> Made:
        """Make it. Raises Failed, NotReady."""

    def update(
        self, kind: str, identifier: str, old: Properties, new: Properties, *, preview: bool, seconds: float
    ) -> Made:
        """Change it in place. Raises Failed, NotReady."""

    def read(self, kind: str, identifier: str, inputs: Properties, outputs: Properties) -> Made | None:
        """What is there; None when nothing is. Raises Failed."""

    def delete(self, kind: str, identifier: str, outputs: Properties, *, seconds: float) -> None:
        """Until it is gone. Raises Failed."""

    def stop(self) -> None:
        """Whatever is waited for is not waited for any longer."""


KINDS = {
    "add": (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    "delete": (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    "update": (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}


class ActingProvider(Base):
    """Speaks the engine's protocol for an actor."""

    def __init__(self, actor: Actor, engine: str) -> None:
        super().__init__(actor, engine)
        self._actor = actor

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        # The engine goes by this answer, and older ones by that of Configure.
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._say(self._actor.note())
        self._ask(context, lambda: self._actor.configure(wire.read(request.args)), request.args)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        same = wire.read(request.old_inputs) == wire.read(request.news)
        some = provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=some)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._actor.stop()
        return empty_pb2.Empty()

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = wire.read(request.news)
        mistakes = self._ask(context, lambda: self._actor.check(request.type, inputs), request.news)
        failures = [provider_pb2.CheckFailure(property=mistake.path, reason=mistake.reason) for mistake in mistakes]
        return provider_pb2.CheckResponse(inputs=self._write(request.type, inputs, request.news), failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        old, new = wire.read(request.old_inputs), wire.read(request.news)
        found = self._ask(
            context, lambda: self._actor.compare(request.type, request.id, old, new), request.old_inputs, request.news
        )
        detail = {
            path: provider_pb2.PropertyDiff(kind=KINDS[how][path in found.replaces], inputDiff=True)
            for path, how in found.changes.items()
        }
        some = provider_pb2.DiffResponse.DIFF_SOME if detail else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            diffs=sorted({path.partition(".")[0].partition("[")[0] for path in detail}),
            replaces=sorted(found.replaces),
            # One name, one object: the old one has to go first.
            deleteBeforeReplace=bool(found.replaces),
            detailedDiff=detail,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = wire.read(request.properties)
        made = self._ask(
            context,
            lambda: self._actor.create(request.type, inputs, preview=request.preview, seconds=request.timeout),
            request.properties,
            kind=request.type,
        )
        outputs = self._write(request.type, made.outputs, request.properties)
        return provider_pb2.CreateResponse(id="" if request.preview else made.identifier, properties=outputs)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        old, new = wire.read(request.old_inputs), wire.read(request.news)
        made = self._ask(
            context,
            lambda: self._actor.update(
                request.type, request.id, old, new, preview=request.preview, seconds=request.timeout
            ),
            request.news,
            kind=request.type,
        )
        return provider_pb2.UpdateResponse(properties=self._write(request.type, made.outputs, request.news))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs, outputs = wire.read(request.inputs), wire.read(request.properties)
        found = self._ask(
            context,
            lambda: self._actor.read(request.type, request.id, inputs, outputs),
            request.inputs,
            request.properties,
        )
        if found is None:
            return provider_pb2.ReadResponse(id="")
        return provider_pb2.ReadResponse(
            id=found.identifier,
            properties=self._write(request.type, found.outputs, request.inputs, request.properties),
            inputs=self._write(request.type, found.inputs, request.inputs, request.properties),
        )

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        outputs = wire.read(request.properties)
        self._ask(
            context,
            lambda: self._actor.delete(request.type, request.id, outputs, seconds=request.timeout),
            request.properties,
        )
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no answer for {request.tok}")

    def _write(self, kind: str, values: Properties, *told: Any) -> Any:
        secret = self._actor.secret(kind).union(*(wire.secrets_of(struct) for struct in told))
        return wire.write_secret(values, secret)

    def _ask(self, context: Any, act: Callable[[], T], *told: Any, kind: str = "") -> T:
        """The answer, or the error as the engine wants it: in words, and without the secrets that were told."""
        try:
            return act()
        except NotReady as error:
            reason = _without_secrets(error.reason, told)
            detail = provider_pb2.ErrorResourceInitFailed(
                id=error.made.identifier,
                properties=self._write(kind, error.made.outputs, *told),
                inputs=self._write(kind, error.made.inputs, *told),
                reasons=[reason],
            )
            _abort_with(context, reason, detail)
            raise
        except Failed as error:
            context.abort(grpc.StatusCode.UNKNOWN, _without_secrets(str(error), told))
            raise


def _without_secrets(text: str, told: tuple[Any, ...]) -> str:
    for struct in told:
        for value in wire.secret_texts(struct):
            text = text.replace(value, "[secret]")
    return text


def _abort_with(context: Any, reason: str, detail: Any) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=reason, details=[packed])
    context.set_trailing_metadata(((DETAILS, status.SerializeToString()),))
    context.abort(code, reason)
