"""The route of a SenderProfile: where its relay is, how to get in, and what was learnt of its manners."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from herold.errors import InvalidInput, Mistake
from herold.resources import SenderProfile

STEPWISE = 0  # each command waits for its answer
GROUPED = 1  # MAIL, RCPT and DATA in one write (RFC 2920)
CHAINED = 2  # the text of a message and the next group in one write

_STRIKES = 3


class Manners:
    """How far commands may be grouped on a route: learnt, shared by all connections of the route in this process.

    It only falls: at once when replies were out of step, and after three stalls or losses in a row at places where a
    host that throws away what it got early would fall silent.
    """

    __slots__ = ("_strikes", "ceiling")

    def __init__(self, ceiling: int = CHAINED) -> None:
        self.ceiling = ceiling
        self._strikes = 0

    def out_of_step(self) -> None:
        """The answers did not fit the questions while commands were grouped."""
        self.ceiling = max(STEPWISE, self.ceiling - 1)
        self._strikes = 0

    def suspect(self) -> None:
        """A stall or loss where grouping may be the cause."""
        self._strikes += 1
        if self._strikes >= _STRIKES:
            self.out_of_step()

    def prove(self) -> None:
        """Grouped commands were answered one by one."""
        self._strikes = 0


@dataclass(frozen=True, slots=True)
class SmtpRoute:
    """A relay and the way in. `ssl_context` is None exactly when `tls` is "None" (loopback only)."""

    host: str
    port: int
    tls: Literal["StartTls", "Implicit", "None"]
    ssl_context: ssl.SSLContext | None = field(repr=False)
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    grouping: bool
    ehlo_name: str
    manners: Manners = field(default_factory=Manners, repr=False, compare=False)


def smtp_route(sender: SenderProfile, secrets_dir: Path | None) -> SmtpRoute:
    """The route of `sender`; secrets are read from `secrets_dir/<name>/username`, `password` and `ca.crt`.

    Certificates are always verified, against `ca.crt` alone where the profile names one. Raises InvalidInput that names
    every secret file that is missing or unusable.
    """
    route = sender.spec.route
    mistakes: list[Mistake] = []
    username = password = None
    if route.credentials_ref is not None:
        username = _secret(secrets_dir, route.credentials_ref.name, "username", mistakes)
        password = _secret(secrets_dir, route.credentials_ref.name, "password", mistakes)
    authority = None
    if route.ca_ref is not None:
        authority = _secret(secrets_dir, route.ca_ref.name, "ca.crt", mistakes)
    context = None
    if route.tls != "None":
        try:
            context = verified_context(authority)
        except (ssl.SSLError, ValueError):
            name = route.ca_ref.name if route.ca_ref else ""
            mistakes.append(Mistake(f"{name}/ca.crt", 0, 0, "", "is not a certificate", "write PEM certificates there"))
    if mistakes:
        raise InvalidInput(mistakes, what=f"secrets of sender {sender.metadata.name}")
    return SmtpRoute(
        route.host, route.port, route.tls, context, username, password, route.grouping == "Auto", _own_name()
    )


def verified_context(authority: str | None) -> ssl.SSLContext:
    """TLS 1.2 or later; the host's name and certificate verified by `authority` (PEM), or by the system's own."""
    context = ssl.create_default_context(cadata=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _secret(folder: Path | None, name: str, key: str, mistakes: list[Mistake]) -> str | None:
    place = f"{name}/{key}"
    if folder is None:
        mistakes.append(Mistake(place, 0, 0, "", "there is no folder of secrets", "set HEROLD_SECRETS_DIR"))
        return None
    try:
        text = (folder / name / key).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        mistakes.append(
            Mistake(place, 0, 0, "", f"cannot be read: {reason}", "mount the secret under HEROLD_SECRETS_DIR")
        )
        return None
    if not text or "\0" in text:
        mistakes.append(Mistake(place, 0, 0, "", "is empty or has a NUL", "write the value there"))
    return text


def _own_name() -> str:
    """What EHLO says: the host's name if it is a domain name, else the address literal of RFC 5321 section 4.1.3."""
    name = socket.gethostname()
    labels = name.split(".")
    if len(labels) > 1 and all(label.isascii() and label.replace("-", "").isalnum() for label in labels):
        return name
    return "[127.0.0.1]"
