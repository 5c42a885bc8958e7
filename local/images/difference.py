"""A layer of only what differs: what a container must add to the layers below it to see what an archive has.

https://github.com/opencontainers/image-spec/blob/main/layer.md: a file that is gone is an empty `.wh.<name>` beside it.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local.images.layer import CHUNK

WHITEOUT = ".wh."


@dataclass(frozen=True)
class _What:
    """All of a member that a container can see, except when it was changed last."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    target: str
    device: tuple[int, int]
    attributes: tuple[tuple[str, str], ...]
    content: str


def write_difference(below: Sequence[Path], whole: Path, file: Path) -> None:
    """Write the layer that turns `below` (archives from the bottom) into `whole`.

    Folders on the way to what differs are in it, so that they have their own modes.
    """
    known: dict[str, _What] = {}
    for archive in below:
        known = {**known, **_read(archive)}
        for name in [each for each in known if PurePosixPath(each).name.startswith(WHITEOUT)]:
            del known[name]
            gone = _beside(name, PurePosixPath(name).name.removeprefix(WHITEOUT))
            known = {each: what for each, what in known.items() if each != gone and not each.startswith(f"{gone}/")}
    wanted = _read(whole)
    with tarfile.open(whole) as source, tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as target:
        members = {_name(member): member for member in source}
        chosen = {name for name, what in wanted.items() if known.get(name) != what}
        # Names of one file go together: a link to a file of a layer below would be a copy of it.
        chosen |= {_link(members[name]) for name in chosen if members[name].islnk()}
        chosen |= {name for name, member in members.items() if member.islnk() and _link(member) in chosen}
        chosen |= {parent for name in chosen for parent in _parents(name) if parent in members}
        for name in _gone(known, wanted):
            path = PurePosixPath(name)
            target.addfile(tarfile.TarInfo(_beside(name, f"{WHITEOUT}{path.name}")))
        for name, member in members.items():
            if name in chosen:
                target.addfile(member, source.extractfile(member) if member.isreg() else None)


def _read(archive: Path) -> dict[str, _What]:
    found: dict[str, _What] = {}
    with tarfile.open(archive) as source:
        for member in source:
            content = ""
            if member.isreg():
                stream = source.extractfile(member)
                assert stream is not None
                digest = hashlib.sha256()
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                content = digest.hexdigest()
            found[_name(member)] = _What(
                member.type,
                member.mode,
                (member.uid, member.gid),
                member.linkname,
                (member.devmajor, member.devminor),
                tuple(
                    sorted((key, value) for key, value in member.pax_headers.items() if key.startswith("SCHILY.xattr"))
                ),
                content,
            )
    return found


def _gone(known: Mapping[str, _What], wanted: Mapping[str, _What]) -> list[str]:
    """What is below and not wanted; of a folder that is gone only itself."""
    gone = {name for name in known if name not in wanted and name not in {"", "."}}
    return sorted(name for name in gone if not any(parent in gone for parent in _parents(name)))


def _name(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./")


def _link(member: tarfile.TarInfo) -> str:
    return member.linkname.removeprefix("./")


def _parents(name: str) -> list[str]:
    return [str(parent) for parent in PurePosixPath(name).parents if str(parent) != "."]


def _beside(name: str, other: str) -> str:
    return str(PurePosixPath(name).parent / other).removeprefix("./")
