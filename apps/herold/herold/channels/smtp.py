"""Mail through a relay: one connection, many messages (RFC 5321, 2920, 1870, 6152, 3207, 4954).

Written against the transport itself: one future for a window, none for a message.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Sequence
from typing import Literal

from herold.channels.classify import Step, classify, is_out_of_step
from herold.channels.envelope import Envelope, Extensions
from herold.channels.outcome import NotSent, Outcome, RouteFault
from herold.channels.replies import scrub
from herold.channels.route import SmtpRoute
from herold.channels.transfer import Transfer
from herold.channels.wire import Wire
from herold.errors import HeroldError

__all__ = ["Envelope", "RouteFailed", "SmtpConnection", "SmtpRoute"]

_QUIT_DEADLINE = 2.0
# Where the way in ended. `Talk`: the relay greets us, or answers EHLO, with a no.
Place = Literal["Connect", "Certificate", "StartTls", "Login", "Talk"]
_PLACES: dict[Step, Place] = {Step.STARTTLS: "StartTls", Step.AUTH: "Login"}


class RouteFailed(HeroldError):
    """No connection over this route: `fault` says why, and whether a person has to act; `place` how far it came."""

    exit_code = 5

    def __init__(self, fault: RouteFault, place: Place = "Connect") -> None:
        super().__init__(f"the relay can't be used: {fault.code} {fault.detail}" if fault.code else fault.detail)
        self.fault = fault
        self.place = place


class SmtpConnection:
    """An open connection, past EHLO, STARTTLS and AUTH. One `send` at a time."""

    def __init__(self, route: SmtpRoute, wire: Wire, extensions: Extensions) -> None:
        self._route = route
        self._wire = wire
        wire.introduced = True
        self._extensions = extensions
        self._good = 0
        self._dirty = False
        self._stopped = False

    @classmethod
    async def open(cls, route: SmtpRoute, *, timeout: float) -> SmtpConnection:
        """Connect and introduce ourselves, within `timeout` seconds in all. Raises RouteFailed."""
        if (route.username is not None or route.password is not None) and route.tls == "None":
            raise RouteFailed(RouteFault(0, None, "credentials are sent inside TLS only", permanent=True))
        if (route.ssl_context is None) != (route.tls == "None"):
            raise RouteFailed(RouteFault(0, None, "TLS needs a context, and no TLS has none", permanent=True))
        wire = Wire()
        try:
            async with asyncio.timeout(timeout):
                await _connect(route, wire, timeout)
                extensions = await _introduce(route, wire, timeout)
        except RouteFailed:
            wire.abort()
            raise
        except TimeoutError:
            wire.abort()
            raise RouteFailed(RouteFault(0, None, "the relay did not answer in time", permanent=False)) from None
        except ssl.SSLCertVerificationError as error:
            wire.abort()
            detail = "the relay's certificate is not valid: " + scrub(error.verify_message.encode())
            raise RouteFailed(RouteFault(0, None, detail, permanent=True), "Certificate") from None
        except OSError as error:
            wire.abort()
            detail = scrub((error.strerror or str(error) or "connection lost").encode())
            raise RouteFailed(RouteFault(0, None, f"no connection to the relay: {detail}", permanent=False)) from None
        except BaseException:
            wire.abort()
            raise
        return cls(route, wire, extensions)

    @property
    def most_bytes(self) -> int:
        """The longest message that the relay says it takes (RFC 1870); 0: it does not say."""
        return self._extensions.size

    @property
    def is_open(self) -> bool:
        """False when the relay closed, a route fault dropped it, or it was closed here."""
        return self._wire.is_open

    async def send(
        self,
        envelopes: Sequence[Envelope],
        *,
        on_content: Callable[[int], bool],
        on_outcome: Callable[[int, Outcome], None],
        timeout: float,
    ) -> RouteFault | None:
        """Send `envelopes` in order; `on_outcome(i, outcome)` exactly once for each, as soon as it is known.

        `on_content(i)` is called just before the first byte of text i is handed to the transport; False forbids it,
        and it and all later ones end as NotSent. `timeout` is the longest silence in seconds: of the relay while it
        owes a reply. Returns the route's fault, after which the connection is closed, or None. When cancelled or when
        a callback raises, all outcomes are given, the connection is dropped, and the exception goes on.
        """
        if self._stopped or not self._wire.is_open:
            detail = "stopped before its text" if self._stopped else "the connection was closed"
            for index in range(len(envelopes)):
                on_outcome(index, NotSent(detail))
            return None if self._stopped else RouteFault(0, None, detail, permanent=False)
        transfer = Transfer(
            envelopes,
            self._extensions,
            self._route.manners,
            self._wire.transport,
            on_content,
            on_outcome,
            grouping=self._route.grouping,
            good=self._good,
            dirty=self._dirty,
        )
        await self._wire.carry(transfer, timeout)
        self._good, self._dirty = transfer.good, transfer.dirty
        return transfer.fault

    def stop_after_current(self) -> None:
        """Begin no further message, now and later: a text that is under way ends, the rest is NotSent.

        Callable at any time from the loop's thread, from the callbacks too. Where commands were grouped this costs the
        connection: a DATA that was accepted can only be taken back by closing.
        """
        self._stopped = True
        self._wire.stop()

    async def close(self) -> None:
        """QUIT and close; at most 2 seconds. A send under way ends as if the connection were lost."""
        if self._wire.is_open and self._wire.is_idle:
            try:
                async with asyncio.timeout(_QUIT_DEADLINE):
                    await self._wire.command(b"QUIT\r\n")
            except (TimeoutError, OSError):
                pass
        self._wire.abort()


async def _connect(route: SmtpRoute, wire: Wire, timeout: float) -> None:
    loop = asyncio.get_running_loop()
    if route.tls == "Implicit":
        await loop.create_connection(
            lambda: wire,
            route.host,
            route.port,
            ssl=route.ssl_context,
            server_hostname=route.host,
            ssl_handshake_timeout=timeout,
        )
    else:
        await loop.create_connection(lambda: wire, route.host, route.port)


async def _introduce(route: SmtpRoute, wire: Wire, timeout: float) -> Extensions:
    code, text = await wire.reply()
    if code != 220:
        raise _refused(Step.GREETING, code, text)
    extensions = await _ehlo(route, wire)
    if route.tls == "StartTls":
        if not extensions.starttls:
            raise RouteFailed(RouteFault(0, None, "the relay does not announce STARTTLS", permanent=True), "StartTls")
        await _expect(wire, Step.STARTTLS, b"STARTTLS\r\n", 220)
        if not wire.is_between:
            # What came in the clear after the 220 would be read as if it had come inside TLS.
            raise RouteFailed(
                RouteFault(0, None, "the relay sent data between STARTTLS and TLS", permanent=True), "StartTls"
            )
        assert route.ssl_context is not None
        await wire.start_tls(route.ssl_context, route.host, timeout)
        extensions = await _ehlo(route, wire)  # RFC 3207 section 4.2: what was said before TLS counts for nothing
    if route.username is not None:
        await _authenticate(wire, extensions, route.username, route.password or "")
    return extensions


async def _ehlo(route: SmtpRoute, wire: Wire) -> Extensions:
    text = await _expect(wire, Step.EHLO, b"EHLO %b\r\n" % route.ehlo_name.encode("ascii"), 250)
    words = {line[0].upper(): line[1:] for line in (line.split() for line in text.split(b"\n")[1:]) if line}
    size = words.get(b"SIZE")
    limit = size[0] if size else b"0"
    return Extensions(
        pipelining=b"PIPELINING" in words,
        eight_bit=b"8BITMIME" in words,
        size_known=size is not None,
        size=int(limit) if limit.isdigit() and len(limit) < 20 else 0,
        starttls=b"STARTTLS" in words,
        auth=frozenset(word.decode("ascii", "replace").upper() for word in words.get(b"AUTH", [])),
    )


async def _authenticate(wire: Wire, extensions: Extensions, username: str, password: str) -> None:
    user, secret = username.encode(), password.encode()
    token = base64.b64encode(b"\0" + user + b"\0" + secret)
    # A relay may quote what it was told; what it says ends in logs and conditions.
    quoted = (token, base64.b64encode(secret), base64.b64encode(user), secret, user)
    if "PLAIN" in extensions.auth:
        await _expect(wire, Step.AUTH, b"AUTH PLAIN %b\r\n" % token, 235, quoted)
    elif "LOGIN" in extensions.auth:
        await _expect(wire, Step.AUTH, b"AUTH LOGIN\r\n", 334)
        await _expect(wire, Step.AUTH, base64.b64encode(user) + b"\r\n", 334, quoted)
        await _expect(wire, Step.AUTH, base64.b64encode(secret) + b"\r\n", 235, quoted)
    else:
        raise RouteFailed(RouteFault(0, None, "the relay offers neither AUTH PLAIN nor LOGIN", permanent=True), "Login")


async def _expect(wire: Wire, step: Step, command: bytes, wanted: int, never_told: Sequence[bytes] = ()) -> bytes:
    code, text = await wire.command(command)
    if code != wanted:
        for each in filter(None, never_told):
            text = text.replace(each, b"[login]")
        raise _refused(step, code, text)
    return text


def _refused(step: Step, code: int, text: bytes) -> RouteFailed:
    verdict, place = classify(step, code, text), _PLACES.get(step, "Talk")
    if isinstance(verdict, RouteFault):
        return RouteFailed(verdict, place)
    fault = RouteFault(code, None, verdict.detail, permanent=not is_out_of_step(code) and code >= 500)
    return RouteFailed(fault, place)
