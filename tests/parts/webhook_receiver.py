"""A fake of a team's receiver of webhooks: it verifies as a library of Standard Webhooks would, and answers as told.

Written from the specification alone, and not with the code that signs.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from parts.certificates import Certificates

TOLERANCE_SECONDS = 300


class NotVerified(Exception):
    """The request is not from whom it says."""


@dataclass(frozen=True, slots=True)
class Post:
    """A request that was verified. `number` is its webhook-id, `raw` its very bytes."""

    number: str
    raw: bytes
    headers: Mapping[str, str]

    @property
    def body(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.raw)
        return made

    @property
    def kind(self) -> str:
        return str(self.body["type"])

    @property
    def data(self) -> dict[str, Any]:
        made: dict[str, Any] = self.body["data"]
        return made


@dataclass
class FakeReceiver:
    """Use `webhook_receiver`. `posts` are all that were verified, as they came; `answer` gives the status of each, or 0
    to say nothing until `go_on`; `headers` go with every answer."""

    secret: str = field(default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
    posts: list[Post] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answer: Callable[[Post], int] = lambda post: 200
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    scheme: str = "http"
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hooks/a-secret-path"

    @property
    def file(self) -> dict[str, Any]:
        """What the platform declares."""
        return {"url": self.url, "secret": self.secret}

    def told(self, kind: str | None = None) -> list[Post]:
        """What is left when each id counts once, in the order of their first coming."""
        seen: dict[str, Post] = {}
        for each in list(self.posts):
            seen.setdefault(each.number, each)
        return [each for each in seen.values() if kind in (None, each.kind)]


def verify(secret: str, headers: Mapping[str, str], raw: bytes, now: float) -> str:
    """The id. Raises NotVerified."""
    number, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not number or "." in number or not at.isdigit():
        raise NotVerified("headers are missing")
    if abs(now - int(at)) > TOLERANCE_SECONDS:
        raise NotVerified("its time is too far away")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, f"{number}.{at}.".encode() + raw, hashlib.sha256).digest())
    for each in headers.get("webhook-signature", "").split(" "):
        version, _, signature = each.partition(",")
        if version == "v1" and hmac.compare_digest(expected, signature.encode()):
            return number
    raise NotVerified("no signature is right")


@contextmanager
def webhook_receiver(served: Certificates | None = None) -> Iterator[FakeReceiver]:
    """A receiver on this machine; with TLS where it has a certificate."""
    fake = FakeReceiver(scheme="http" if served is None else "https")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                post = Post(verify(fake.secret, headers, raw, time.time()), raw, headers)
            except NotVerified as error:
                fake.refused.append(str(error))
                self._say(401)
                return
            fake.posts.append(post)
            status = fake.answer(post)
            if status == 0:
                fake.go_on.wait(60)
                return
            self._say(status)

        do_GET = do_POST  # noqa: N815 - the name is the library's

        def _say(self, status: int) -> None:
            self.send_response(status)
            for name, value in fake.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if served is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(served.certificate, served.key)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.go_on.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
