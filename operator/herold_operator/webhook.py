"""One post of one notice: signed as Standard Webhooks says, so that receivers verify it with a library that exists.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from herold_operator.receivers import Receiver
from herold_operator.shares import AT_ONCE

POST_SECONDS = 15.0
_LONGEST_WISH = 3600.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """They have it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """They want none of it, now and later: 410."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Later, perhaps. `status` is 0 where there was no answer, `error` a class then; `wish`: the pause, in seconds,
    that they ask for."""

    status: int = 0
    error: str = ""
    wish: float = 0.0


Answer = Delivered | Refused | Failed


def build_body(receiver: Receiver, body: str) -> bytes:
    """The bytes that go out. A chat takes fields with names of ours for its own, or refuses them."""
    if receiver.format == "Chat":
        text = json.loads(body)["text"]
        # What begins a mention or a link there. https://docs.slack.dev/messaging/formatting-message-text
        for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, written)
        body = json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":"))
    return body.encode()


def sign(keys: tuple[bytes, ...], number: str, at: int, body: bytes) -> str:
    """The header `webhook-signature`. `at`: seconds since 1970."""
    content = b".".join((number.encode(), str(at).encode(), body))
    made = (base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
    return " ".join(f"v1,{each}" for each in made)


class Poster:
    """Posts, each within so many `seconds`. It follows no redirects and keeps no cookies; close it when done."""

    def __init__(self, seconds: float = POST_SECONDS) -> None:
        self._names = _Names()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=AT_ONCE, resolver=self._names),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=seconds),
            headers={"User-Agent": "herold-operator", "Content-Type": "application/json"},
        )

    async def post(self, receiver: Receiver, number: str, body: str) -> Answer:
        """One attempt."""
        content, at = build_body(receiver, body), int(time.time())
        headers = {
            "webhook-id": number,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(receiver.keys, number, at, content),
        }
        try:
            async with self._session.post(
                receiver.url, data=content, headers=headers, allow_redirects=False
            ) as response:
                return answer_of(response.status, response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Failed(error=type(error).__name__)  # its text has the address in it

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()
        await self._names.close()


def answer_of(status: int, wish: str) -> Answer:
    """`wish` is the header Retry-After; only seconds are understood."""
    if 200 <= status < 300:
        return Delivered()
    if status == 410:
        return Refused()
    seconds = float(wish) if wish.isascii() and wish.isdigit() else 0.0
    return Failed(status, wish=min(_LONGEST_WISH, seconds))


class _Names(AbstractResolver):
    """Looks names up in threads of its own: where no name server answers, nobody else waits for these."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=str(where[0]),
                port=int(where[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, where in found
        ]

    async def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[Any]:
    return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))
