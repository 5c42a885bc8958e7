"""The lowest layers of an image: a Debian without documentation, from packages alone (mmdebstrap).

One Debian for all images, and upon it only what the packages of each add: what images share is downloaded, built and
brought into a cluster once.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.command import run
from local.images.difference import write_difference
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
# What the machine that builds would leave of itself; a container has its own. Empty, so that there is what to mount on.
OF_THE_MACHINE = ("etc/resolv.conf", "etc/hostname")
USER_HOOKS = (
    f"echo '{USER}:x:{UID}:{UID}::/tmp:/usr/sbin/nologin' >> \"$1/etc/passwd\"",
    f"echo '{USER}:x:{UID}:' >> \"$1/etc/group\"",
)
# What a first start would make differently each time, or what no container needs.
LAST_HOOKS = (
    'rm -rf "$1"/var/lib/postgresql/* "$1"/etc/postgresql/* "$1"/etc/ssl/private/ssl-cert-snakeoil.key',
    'rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/var/cache/debconf/* "$1"/etc/machine-id',
    # The first has a cookie that the package drew.
    'rm -rf "$1"/var/lib/rabbitmq "$1"/var/lib/redis "$1"/etc/redis "$1"/var/cache/ldconfig/*',
    'rm -rf "$1"/etc/passwd- "$1"/etc/group- "$1"/etc/shadow-',
    *(f': > "$1/{path}"' for path in OF_THE_MACHINE),
)
# What a layer says is gone.
TAKE_AWAY = """find "$1" -name '.wh.*' | while read -r it; do rm -rf "$it" "${it%/*}/${it##*/.wh.}"; done"""


@dataclass(frozen=True)
class Debian:
    """A Debian with these packages, less files `without` (patterns of the shell); `upon` another or from nothing."""

    name: str
    packages: Sequence[str]
    upon: Debian | None = None
    without: Sequence[str] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """How mmdebstrap makes it, less what depends on where files lie."""
        unwanted = tuple(f'rm -rf "$1"{path}' for path in self.without)
        last = tuple(f"--customize-hook={hook}" for hook in (*unwanted, *LAST_HOOKS))
        if self.upon:
            # As mmdebstrap(1) builds upon a tarball: what to leave out is in the Debian below already.
            install = f'chroot "$1" apt-get install -q --yes --no-install-recommends {shlex.join(self.packages)} >&2'
            return ("--quiet", "--variant=custom", f"--customize-hook={install}", *last)
        return (
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(self.packages)}",
            *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
            *(f"--customize-hook={hook}" for hook in USER_HOOKS),
            *last,
        )

    @property
    def key(self) -> str:
        """Name in the cache; changes with packages and options, not with Debian's updates: drop the cache for them."""
        return key_of(self.name, *([self.upon.key] if self.upon else []), SUITE, *self.options)


def build_debian(debian: Debian, cache: Path) -> tuple[Layer, ...]:
    """Its layers from the bottom; what the cache lacks is made: the lowest in a minute, each further one in seconds."""
    if debian.upon is None:
        return (stored(cache, debian.key, lambda file: _run(debian, (), file)),)
    below = build_debian(debian.upon, cache)

    def make(file: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            whole = Path(folder) / "whole.tar"
            kept = " ".join(f"'--path-exclude=/{path}'" for path in ("dev/*", *OF_THE_MACHINE))
            # In their order, each over the ones below, as a container sees them.
            unpack = "; ".join(
                f'mmtarfilter {kept} < {shlex.quote(str(layer.file))} | tar -C "$1" -x; {TAKE_AWAY}' for layer in below
            )
            _run(debian, (f"--setup-hook={unpack}",), whole)
            write_difference([layer.file for layer in below], whole, file)

    return (*below, stored(cache, debian.key, make))


def _run(debian: Debian, more: tuple[str, ...], file: Path) -> None:
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8"}
    command = ["nice", "-n", "15", "mmdebstrap", *more, *debian.options, "--format=tar", SUITE, str(file)]
    run(command, seconds=SECONDS, environ=environ)
