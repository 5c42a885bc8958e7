"""Layers and archives: the same bytes from the same content, and what the image specification asks for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from local.images.archive import Image, Start, blob_path, digest_of, write_archive
from local.images.layer import Layer, entries_below, key_of, stored, write_layer

START = Start(("/bin/app",), "65532:65532", environment=(("PATH", "/bin"),))


def _tree(folder: Path) -> Path:
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "b.py").write_text("b = 1\n")
    (folder / "app").write_bytes(b"\x7fELF")
    (folder / "app").chmod(0o755)
    return folder


def _layer(tmp_path: Path, name: str, content: bytes) -> Layer:
    source = tmp_path / f"{name}.source"
    source.mkdir()
    (source / name).write_bytes(content)
    return stored(
        tmp_path / "cache", key_of(name, content), lambda file: write_layer(entries_below(source, "opt"), file)
    )


def _archive(image: Image, *, without: tuple[str, ...] = ()) -> bytes:
    target = io.BytesIO()
    write_archive(image, target, without=without)
    return target.getvalue()


def test_a_layer_depends_on_paths_modes_and_contents_alone(tmp_path: Path) -> None:
    first, second = _tree(tmp_path / "one"), _tree(tmp_path / "two")
    os.utime(second / "app", (1, 1))
    (second / "lib" / "b.py").chmod(0o600)
    write_layer(entries_below(first, "opt/x"), tmp_path / "1.tar")
    write_layer(reversed(entries_below(second, "opt/x")), tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    with tarfile.open(tmp_path / "1.tar") as archive:
        assert archive.getnames() == ["opt", "opt/x", "opt/x/lib", "opt/x/app", "opt/x/lib/b.py"]
        assert [oct(member.mode) for member in archive if member.isfile()] == ["0o755", "0o644"]
        assert {(member.uid, member.mtime) for member in archive} == {(0, 0)}


def test_a_layer_is_made_once_and_made_again_after_an_abort(tmp_path: Path) -> None:
    made: list[int] = []

    def fail(file: Path) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    def make(file: Path) -> None:
        made.append(1)
        file.write_bytes(b"whole")

    with pytest.raises(KeyboardInterrupt):
        stored(tmp_path, "key", fail)
    layers = [stored(tmp_path, "key", make) for _ in range(2)]
    assert made == [1]
    assert layers[0] == layers[1]
    assert layers[0].digest == "sha256:" + hashlib.sha256(b"whole").hexdigest()


def test_keys_differ_when_parts_are_cut_elsewhere() -> None:
    assert key_of("x", "ab", "c") != key_of("x", "a", "bc")


def test_an_archive_is_the_same_each_time_and_every_blob_has_the_digest_of_its_name(tmp_path: Path) -> None:
    image = Image("localhost/app", START, (_layer(tmp_path, "base", b"1"), _layer(tmp_path, "top", b"2")))
    content = _archive(image)
    assert content == _archive(image)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        blobs = {}
        for name in archive.getnames():
            member = archive.extractfile(name)
            assert member is not None
            blobs[name] = member.read()
    for name, blob in blobs.items():
        if name.startswith("blobs/"):
            assert name == blob_path(digest_of(blob))
    (entry,) = json.loads(blobs["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == image.reference
    manifest = json.loads(blobs[blob_path(entry["digest"])])
    for descriptor in (manifest["config"], *manifest["layers"]):
        assert len(blobs[blob_path(descriptor["digest"])]) == descriptor["size"]
    config = json.loads(blobs[blob_path(manifest["config"]["digest"])])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert config["config"]["User"] == "65532:65532"


def test_layers_that_the_reader_has_are_left_out_and_still_named(tmp_path: Path) -> None:
    base, top = _layer(tmp_path, "base", b"1"), _layer(tmp_path, "top", b"2")
    image = Image("localhost/app", START, (base, top))
    with tarfile.open(fileobj=io.BytesIO(_archive(image, without=(base.digest,)))) as archive:
        names = archive.getnames()
    assert blob_path(base.digest) not in names
    assert blob_path(top.digest) in names
    assert base.digest in image.manifest.decode()


def test_another_content_has_another_reference(tmp_path: Path) -> None:
    one = Image("localhost/app", START, (_layer(tmp_path, "base", b"1"),))
    two = Image("localhost/app", START, (_layer(tmp_path, "other", b"2"),))
    assert one.reference != two.reference
    assert one.reference.startswith("localhost/app:")
