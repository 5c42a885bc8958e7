"""The lowest layer of an image: a Debian without documentation, from packages alone (mmdebstrap)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.command import run
from local.images.layer import Layer, key_of, stored

SUITE = "bookworm"
# The user of every image: no name of the machine's, so that a file that leaks out belongs to nobody.
USER, UID = "herold", 65532
SECONDS = 1200
# Timestamps in the archive; any fixed moment.
EPOCH = "1700000000"
LEFT_OUT = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
    "/usr/share/bash-completion/*",
)
# What a first start would make differently each time, or what no container needs.
HOOKS = (
    f"echo '{USER}:x:{UID}:{UID}::/tmp:/usr/sbin/nologin' >> \"$1/etc/passwd\"",
    f"echo '{USER}:x:{UID}:' >> \"$1/etc/group\"",
    'rm -rf "$1"/var/lib/postgresql/* "$1"/etc/postgresql/* "$1"/etc/ssl/private/ssl-cert-snakeoil.key',
    'rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/var/cache/debconf/* "$1"/etc/machine-id',
)


@dataclass(frozen=True)
class Debian:
    """A Debian with these packages."""

    name: str
    packages: Sequence[str]

    @property
    def command(self) -> tuple[str, ...]:
        """mmdebstrap without its last argument, the archive to write."""
        return (
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(self.packages)}",
            *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
            *(f"--customize-hook={hook}" for hook in HOOKS),
            "--format=tar",
            SUITE,
        )

    @property
    def key(self) -> str:
        """Name in the cache; changes with packages and options, not with Debian's updates: drop the cache for them."""
        return key_of(self.name, *self.command)


def build_base(debian: Debian, cache: Path) -> Layer:
    """The layer, made if the cache lacks it: about a minute."""

    def make(file: Path) -> None:
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8"}
        run(["nice", "-n", "15", *debian.command, file], seconds=SECONDS, environ=environ)

    return stored(cache, debian.key, make)
