"""A resource provider over the SDK's own gRPC stubs: what every stand-in shares.

A stand-in is not the provider that it stands in for. It exists where the real plugin can't be had, answers the engine's
calls, and checks what can be known without the far side; its own module says what that is, and the engine's output
names it as a stand-in.
"""

from __future__ import annotations

import contextlib
import os
from concurrent import futures
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf import empty_pb2
from local.providers import wire
from local.providers.wire import Properties
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc

MESSAGE_BYTES = 1 << 28
THREADS = 16
PULSE_SECONDS = 0.5


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with the inputs of a resource, and where."""

    path: str
    reason: str


class StandIn(Protocol):
    """What a stand-in decides. `kind` is a type token such as `aws:ec2/vpc:Vpc`."""

    package: str
    version: str

    def check(self, kind: str, urn: str, inputs: Properties) -> list[Mistake]:
        """All mistakes of the inputs; it may add to the inputs what the real provider would."""

    def outputs(self, kind: str, name: str, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        """The identifier and the outputs of a resource that is made or changed."""

    def must_replace(self, kind: str, changed: set[str]) -> set[str]:
        """Which of the changed properties can't be changed in place."""

    def answer(self, token: str, arguments: Properties) -> Properties:
        """The result of a function. Raises KeyError where it has none."""

    def note(self) -> str:
        """One sentence for whoever reads the engine's output."""


class Named(Protocol):
    """A stand-in of either sort."""

    package: str
    version: str


class Base(provider_pb2_grpc.ResourceProviderServicer):
    """What the engine asks of every plugin before it comes to resources."""

    def __init__(self, named: Named, engine: str) -> None:
        self._version = named.version
        self._engine = engine

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's names
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._version)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def _say(self, text: str) -> None:
        with grpc.insecure_channel(self._engine) as channel:
            engine_pb2_grpc.EngineStub(channel).Log(
                engine_pb2.LogRequest(severity=engine_pb2.INFO, message=text, urn=""), timeout=5
            )


class Provider(Base):
    """Speaks the engine's protocol for a stand-in that makes nothing."""

    def __init__(self, stand_in: StandIn, engine: str) -> None:
        super().__init__(stand_in, engine)
        self._stand_in = stand_in

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._say(self._stand_in.note())
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = wire.read(request.news)
        mistakes = self._stand_in.check(request.type, request.urn, inputs)
        failures = [provider_pb2.CheckFailure(property=mistake.path, reason=mistake.reason) for mistake in mistakes]
        return provider_pb2.CheckResponse(inputs=wire.write(inputs), failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        old, new = wire.read(request.old_inputs), wire.read(request.news)
        ignored = {path.partition(".")[0].partition("[")[0] for path in request.ignoreChanges}
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - ignored
        replaces = self._stand_in.must_replace(request.type, changed)
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=sorted(changed), replaces=sorted(replaces))

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = wire.read(request.properties)
        made, outputs = self._stand_in.outputs(request.type, request.name, inputs, preview=request.preview)
        return provider_pb2.CreateResponse(id="" if request.preview else made, properties=wire.write(outputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = wire.read(request.news)
        _, outputs = self._stand_in.outputs(request.type, request.name, inputs, preview=request.preview)
        return provider_pb2.UpdateResponse(properties=wire.write(outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            answer = self._stand_in.answer(request.tok, wire.read(request.args))
        except KeyError:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no answer for {request.tok}")
        return provider_pb2.InvokeResponse(**{"return": wire.write(answer)})


def serve(provider: Base) -> None:
    """Answer the engine until it stops us, or is gone. Prints the port, as it expects."""
    size = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=size)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    engine = os.getppid()
    # The engine ends its plugins by SIGINT.
    with contextlib.suppress(KeyboardInterrupt):
        while os.getppid() == engine:
            if not server.wait_for_termination(PULSE_SECONDS):
                return
    # Whoever killed the engine did not tell its plugins. At once: what is still waited for concerns nobody.
    os._exit(1)
