"""A layer: a tar archive with its digest, kept in the cache under a key of what it was made from."""

from __future__ import annotations

import fcntl
import hashlib
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A layer on disk. `digest` is `sha256:…` of the file, `size` in bytes."""

    file: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Entry:
    """A file of a layer: its path without a leading slash, where its content is, its mode."""

    path: str
    source: Path
    mode: int


def entries_below(folder: Path, prefix: str) -> list[Entry]:
    """Every file below a folder, for a place of its own in the image. Modes become 0644, or 0755 for programs."""
    entries = []
    for path in folder.rglob("*"):
        if path.is_file():
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            entries.append(Entry(f"{prefix}/{path.relative_to(folder)}", path, mode))
    return entries


def write_layer(entries: Iterable[Entry], file: Path, links: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write a tar archive that depends on paths, modes and contents alone: sorted, owned by root, time 0.

    `links` are symbolic links beside the files: path without a leading slash to target.
    """
    chosen = sorted(entries, key=lambda entry: entry.path)
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        for folder in _folders(chosen):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        for entry in chosen:
            info = tarfile.TarInfo(entry.path)
            info.size, info.mode = entry.source.stat().st_size, entry.mode
            with entry.source.open("rb") as content:
                archive.addfile(info, content)
        for path, target in sorted(links.items()):
            info = tarfile.TarInfo(path)
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
            archive.addfile(info)


def _folders(entries: Iterable[Entry]) -> list[str]:
    return sorted({str(parent) for entry in entries for parent in Path(entry.path).parents if str(parent) != "."})


def stored(folder: Path, key: str, make: Callable[[Path], None]) -> Layer:
    """The layer of that key, made if the cache lacks it. An abort leaves a `.partial`, which the next one replaces.

    Who wants the same one at the same time waits for it.
    """
    file = folder / f"{key}.tar"
    note = folder / f"{key}.sha256"
    if not (file.exists() and note.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (file.exists() and note.exists()):
                partial = folder / f"{key}.partial"
                partial.unlink(missing_ok=True)
                make(partial)
                note.write_text(sha256(partial) + "\n")
                partial.rename(file)
    return Layer(file, "sha256:" + note.read_text().strip(), file.stat().st_size)


def sha256(file: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def key_of(name: str, *parts: bytes | str) -> str:
    """A name and sixteen hex digits of the parts, in their order."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"{name}-{digest.hexdigest()[:16]}"
