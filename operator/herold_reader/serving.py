"""HTTP over TLS: from a request to an answer, with a bound on everything that a client may make us wait for or keep."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from herold.errors import HeroldError, InvalidInput, Mistake, NotFound, Temporary
from herold.journal import Journal, place_of
from herold.resources.scalars import NAME_PATTERN
from herold_reader.access import Unauthenticated, authenticate, authorise
from herold_reader.answers import QUESTIONS, Desk
from herold_reader.asking import read_question
from herold_reader.gates import Busy, Gate, build_gates
from herold_reader.metrics import Metrics
from herold_reader.protocol import ANSWER_HEADER, PATH, RIGHTS, TOKEN_HEADER, Ask
from herold_reader.refusals import body_of, status_of
from herold_reader.settings import ReaderSettings

BODY_BYTES = 16 * 1024
# Tokens of a company's login may list many groups.
HEADER_BYTES = 16 * 1024
OTHER = "other"
# A plan is a handful of statements, each of which may take as long as one may.
_STATEMENTS = 5


@dataclass(frozen=True, slots=True)
class _Told:
    """What goes back."""

    status: int
    body: dict[str, Any]
    retry: bool = False


@dataclass(slots=True)
class Service:
    """Answers requests."""

    desk: Desk
    own: ReaderSettings
    journal: Journal
    metrics: Metrics = field(default_factory=Metrics)
    gates: dict[Ask, Gate] = field(default_factory=build_gates)

    def application(self) -> web.Application:
        """For a runner. What is not one of our paths is answered by us too."""
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_route("*", PATH, self.handle)
        app.router.add_route("*", "/{rest:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        began = time.monotonic()
        word = request.match_info.get("ask", OTHER)
        ask = Ask(word) if word in set(Ask) else None
        label = str(ask or OTHER)
        self.metrics.at_work.labels(label).inc()
        try:
            told = await self._tell(request, ask)
        finally:
            self.metrics.at_work.labels(label).dec()
        self.journal.write("debug", "answered", ask=label, status=told.status)
        self.metrics.requests.labels(label, str(told.status)).inc()
        self.metrics.seconds.labels(label).observe(time.monotonic() - began)
        return await self._write(request, told)

    async def _tell(self, request: web.Request, ask: Ask | None) -> _Told:
        try:
            async with asyncio.timeout(_STATEMENTS * self.own.statement_seconds + self.own.client_seconds):
                return _Told(200, await self._answer(request, ask))
        except TimeoutError:
            error: HeroldError = Temporary("it took too long", hint="ask for less, or later")
        except HeroldError as raised:
            error = raised
        except Exception as broken:
            # Its text may quote values: only its kind and place are said.
            self.journal.write("error", "answer_broke", ask=ask, error=type(broken).__name__, where=place_of(broken))
            error = HeroldError(f"internal error: {type(broken).__name__} at {place_of(broken)}")
        status = status_of(error)
        if status >= 500:
            # Never the message: it may quote what was asked for.
            self.journal.write("warning", "not_answered", ask=ask, error=type(error).__name__, status=status)
        return _Told(status, body_of(error), retry=isinstance(error, Temporary | Busy))

    async def _answer(self, request: web.Request, ask: Ask | None) -> dict[str, Any]:
        token = _token(request)
        if ask is None:
            raise NotFound("there is nothing of this name here", hint=f"paths are {PATH}")
        right = RIGHTS[ask]
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        wrong = [Mistake("request", 0, 0, "method", f"{ask} is asked for by {right.method}")] * (
            request.method != right.method
        )
        wrong += [
            Mistake("request", 0, 0, field, "is not a name")
            for field, value in (("namespace", namespace), ("name", name))
            if not re.fullmatch(NAME_PATTERN, value) or len(value) > 253
        ]
        if wrong:
            raise InvalidInput(wrong, what="request")
        body = await self._body(request)
        async with self.gates[ask].passed():
            caller = await authenticate(self.desk.api, token)
            await authorise(self.desk.api, caller, right, namespace, name)
            asked = read_question(QUESTIONS[ask], request.query, body)
            return await self.desk.answer(caller, namespace, name, asked)

    async def _body(self, request: web.Request) -> str:
        try:
            async with asyncio.timeout(self.own.client_seconds):
                return await request.text()
        except TimeoutError:
            raise Temporary("the question did not arrive in time") from None
        except web.HTTPRequestEntityTooLarge:
            mistake = Mistake("request", 0, 0, "", f"the body has more than {BODY_BYTES} bytes")
            raise InvalidInput([mistake], what="request") from None
        except UnicodeDecodeError:
            raise InvalidInput([Mistake("request", 0, 0, "", "the body is not UTF-8")], what="request") from None

    async def _write(self, request: web.Request, told: _Told) -> web.StreamResponse:
        """Written here and not by whoever called: a client that does not read must not keep the answer alive."""
        content = json.dumps(told.body, ensure_ascii=False).encode()
        response = web.StreamResponse(status=told.status)
        response.content_type = "application/json"
        response.content_length = len(content)
        response.headers[ANSWER_HEADER] = "1"
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        if told.retry:
            response.headers["Retry-After"] = "2"
        try:
            async with asyncio.timeout(self.own.client_seconds):
                await response.prepare(request)
                await response.write(content)
                await response.write_eof()
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
        return response


def _token(request: web.Request) -> str:
    given = request.headers.getall(TOKEN_HEADER, [])
    if len(given) != 1 or not given[0].strip():
        raise Unauthenticated(f"one header {TOKEN_HEADER} says who asks", hint="kubectl campaign sends it by itself")
    return given[0].strip()
