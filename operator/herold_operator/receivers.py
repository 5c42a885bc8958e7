"""Who is told: one file for each team's namespace, in a Secret that the platform makes and the operator's pod mounts.

The operator needs no right to read Secrets, and no team can name an address: only who writes that Secret can make the
operator call one. Files are read again when they change; addresses and keys are in no log and no error.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from herold.journal import Journal

SECRET = "herold-webhooks"  # noqa: S105 - the name of the secret, not the secret
EVERYBODY = "default"
_PREFIX = "whsec_"
# Bytes of a key. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_LEAST, _MOST = 24, 64
_INSIDE = (".svc", ".svc.cluster.local")
_FIELDS = ("url", "secret", "format")
Format = Literal["Event", "Chat"]
_Marks = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where notices go, and the keys that sign them (two while one takes the other's place). `Chat` gets the text
    alone. Neither address nor keys show in its repr."""

    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    format: Format = "Event"


@dataclass(slots=True)
class Receivers:
    """`folder` has one file a namespace, `NAMESPACE.json`, and perhaps `default.json` for all others."""

    folder: Path | None
    journal: Journal
    _known: dict[str, Receiver | None] = field(default_factory=dict)  # None: it can't be used as it is
    _marks: _Marks = ()

    def refresh(self) -> bool:
        """Read again what changed. Whether anything did."""
        marks = self._look()
        if marks == self._marks:
            return False
        self._marks = marks
        self._known = {name.removesuffix(".json"): self._read(name) for name, *_ in marks}
        return True

    def is_wanted(self, namespace: str) -> bool:
        """Whether somebody is to be told of that namespace, though it may not be possible as it is."""
        return namespace in self._known or EVERYBODY in self._known

    def of(self, namespace: str) -> Receiver | None:
        """Whom to tell; None while nobody can be."""
        return self._known[namespace] if namespace in self._known else self._known.get(EVERYBODY)

    @property
    def namespaces(self) -> list[str] | None:
        """Those that are named; None: all are wanted."""
        return None if EVERYBODY in self._known else sorted(self._known)

    def _look(self) -> _Marks:
        if self.folder is None:
            return ()
        found = []
        try:
            for path in sorted(self.folder.glob("*.json")):
                stat = path.stat()  # of the file that the link leads to: a kubelet exchanges links
                found.append((path.name, stat.st_ino, stat.st_mtime_ns, stat.st_size))
        except OSError:
            return self._marks  # it is being exchanged at this moment
        return tuple(found)

    def _read(self, name: str) -> Receiver | None:
        assert self.folder is not None
        try:
            content = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = None
        mistakes = list(mistakes_of(content))
        if not mistakes:
            return build_receiver(content)
        # Words of our own only: a value here is a secret.
        self.journal.write("error", "webhook_unusable", resource=name, message="; ".join(mistakes))
        return None


def mistakes_of(content: Any) -> Iterator[str]:
    """Everything that is wrong with a file, without its values."""
    if not isinstance(content, dict):
        yield 'it is not a JSON object: write {"url": "https://…", "secret": "whsec_…"}'
        return
    unknown = len(set(content) - set(_FIELDS))
    if unknown:
        yield f"{unknown} of its fields are not known; there are {', '.join(_FIELDS)}"
    url = content.get("url")
    if not isinstance(url, str) or not url:
        yield "url is missing"
    else:
        yield from _mistakes_of_url(url)
    secrets = content.get("secret")
    listed = secrets if isinstance(secrets, list) else [secrets]
    if not 1 <= len(listed) <= 2 or not all(isinstance(each, str) and _key(each) for each in listed):
        yield f"secret is not whsec_ and {_LEAST} to {_MOST} bytes in base64, or a list of two of them"
    if content.get("format", "Event") not in ("Event", "Chat"):
        yield "format is not Event or Chat"


def build_receiver(content: Any) -> Receiver:
    """Of a file without mistakes."""
    secrets = content["secret"]
    listed = secrets if isinstance(secrets, list) else [secrets]
    return Receiver(content["url"], tuple(_key(each) for each in listed), content.get("format", "Event"))


def _mistakes_of_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        yield "url is not one"
        return
    if not host or parts.scheme not in ("http", "https"):
        yield "url is not one of https"
    elif parts.scheme == "http" and not _is_inside(host):
        yield "url is not https; http is for this machine and for names that end in .svc"
    if "@" in parts.netloc:
        yield "url has a user's name in it: put what it needs into its path"


def _is_inside(host: str) -> bool:
    """Whether what goes there stays on this machine or in this cluster."""
    if host == "localhost" or host.rstrip(".").endswith(_INSIDE):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _key(secret: str) -> bytes:
    """Its bytes; b'' for what is none."""
    if not secret.startswith(_PREFIX):
        return b""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX) + "==", validate=False)
    except (binascii.Error, ValueError):
        return b""
    return key if _LEAST <= len(key) <= _MOST else b""
