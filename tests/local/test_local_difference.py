"""A layer of only what differs: laid over the layers below, a container sees the whole."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from local.images.data import POSTGRES_BASE
from local.images.debian import Debian
from local.images.difference import write_difference

FILE, FOLDER, LINK, SAME = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
Member = tuple[str, bytes, str, int]  # name, kind, content or target, mode


def _archive(file: Path, members: Iterable[Member], *, at: int = 0) -> Path:
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, text, mode in members:
            info = tarfile.TarInfo(f"./{name}")
            info.type, info.mode, info.mtime = kind, mode, at
            if kind in {LINK, SAME}:
                info.linkname = f"./{text}" if kind == SAME else text
            content = text.encode() if kind == FILE else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def _names(file: Path) -> list[str]:
    with tarfile.open(file) as archive:
        return [member.name.removeprefix("./") for member in archive]


def _laid(*layers: Path) -> dict[str, tuple[bytes, int, bytes]]:
    """What a container sees, as the image specification says it."""
    seen: dict[str, tuple[bytes, int, bytes]] = {}
    for layer in layers:
        with tarfile.open(layer) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                folder, _, last = name.rpartition("/")
                if last.startswith(".wh."):
                    gone = f"{folder}/{last[4:]}".lstrip("/")
                    seen = {each: it for each, it in seen.items() if each != gone and not each.startswith(f"{gone}/")}
                elif member.islnk():
                    target = seen[member.linkname.removeprefix("./")]
                    seen[name] = target
                else:
                    content = archive.extractfile(member) if member.isreg() else None
                    data = content.read() if content else member.linkname.encode()
                    seen[name] = (member.type, member.mode, data)
    return seen


BELOW: list[Member] = [
    ("etc", FOLDER, "", 0o755),
    ("etc/passwd", FILE, "root", 0o644),
    ("etc/old", FOLDER, "", 0o755),
    ("etc/old/one", FILE, "1", 0o644),
    ("bin", FOLDER, "", 0o755),
    ("bin/perl", FILE, "perl", 0o755),
    ("bin/perl5", SAME, "bin/perl", 0o755),
    ("bin/sh", LINK, "dash", 0o777),
    ("private", FOLDER, "", 0o700),
]
WHOLE: list[Member] = [
    ("etc", FOLDER, "", 0o755),
    ("etc/passwd", FILE, "root redis", 0o644),
    ("bin", FOLDER, "", 0o755),
    ("bin/perl", FILE, "perl", 0o755),
    ("bin/perl5", SAME, "bin/perl", 0o755),
    ("bin/sh", LINK, "bash", 0o777),
    ("private", FOLDER, "", 0o711),
    ("srv", FOLDER, "", 0o750),
    ("srv/data", FILE, "new", 0o600),
]


def test_laid_over_what_is_below_it_is_the_whole_and_has_nothing_that_was_there(tmp_path: Path) -> None:
    below = _archive(tmp_path / "below.tar", BELOW)
    whole = _archive(tmp_path / "whole.tar", WHOLE, at=99)
    layer = tmp_path / "layer.tar"
    write_difference([below], whole, layer)
    assert _laid(below, layer) == _laid(whole)
    assert _names(layer) == ["etc/.wh.old", "etc", "etc/passwd", "bin", "bin/sh", "private", "srv", "srv/data"]


def test_the_same_again_is_an_empty_layer_whenever_it_was_made(tmp_path: Path) -> None:
    below, later = _archive(tmp_path / "1.tar", BELOW), _archive(tmp_path / "2.tar", BELOW, at=99)
    write_difference([below], later, tmp_path / "layer.tar")
    assert _names(tmp_path / "layer.tar") == []


def test_names_of_one_file_stay_one_file_when_it_changes(tmp_path: Path) -> None:
    changed = [each if each[0] != "bin/perl" else ("bin/perl", FILE, "perl 2", 0o755) for each in WHOLE]
    below, whole = _archive(tmp_path / "1.tar", BELOW), _archive(tmp_path / "2.tar", changed)
    write_difference([below], whole, tmp_path / "layer.tar")
    assert _laid(below, tmp_path / "layer.tar") == _laid(whole)
    assert {"bin/perl", "bin/perl5"} <= set(_names(tmp_path / "layer.tar"))


def test_what_one_layer_took_away_and_the_next_brings_back_is_there(tmp_path: Path) -> None:
    first, whole = _archive(tmp_path / "1.tar", BELOW), _archive(tmp_path / "2.tar", WHOLE)
    write_difference([first], whole, tmp_path / "second.tar")
    again = _archive(tmp_path / "3.tar", [*WHOLE, ("etc/old", FOLDER, "", 0o755), ("etc/old/one", FILE, "1", 0o644)])
    write_difference([first, tmp_path / "second.tar"], again, tmp_path / "third.tar")
    assert _laid(first, tmp_path / "second.tar", tmp_path / "third.tar") == _laid(again)


def test_the_key_of_a_debian_changes_with_what_lies_below_it() -> None:
    bases = [Debian("base", ("netbase",)), Debian("base", ("netbase", "ca-certificates"))]
    assert len({Debian("x", ("git",), upon=base).key for base in bases}) == 2
    assert POSTGRES_BASE.key != Debian("postgres", POSTGRES_BASE.packages, upon=POSTGRES_BASE.upon).key
