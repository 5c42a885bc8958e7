"""An OCI image archive from layers, without a registry, a daemon or any tool.

https://github.com/opencontainers/image-spec: image-layout.md, manifest.md, config.md. Layers are not compressed: they
never travel. The same layers and settings give the same bytes, whoever writes them and when.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import IO

from local.images.layer import Layer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
SHORT = 12


@dataclass(frozen=True)
class Start:
    """How a container of the image starts, when its pod says nothing else."""

    entrypoint: tuple[str, ...]
    user: str
    folder: str = "/"
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Image:
    """An image: its name (without tag), how it starts, its layers from the bottom."""

    name: str
    start: Start
    layers: Sequence[Layer]

    @property
    def config(self) -> bytes:
        """The configuration blob."""
        return _json(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {
                    "Entrypoint": list(self.start.entrypoint),
                    "User": self.start.user,
                    "WorkingDir": self.start.folder,
                    "Env": [f"{name}={value}" for name, value in self.start.environment],
                },
                # Not compressed, so the digest of the blob is that of its content.
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in self.layers]},
            }
        )

    @property
    def manifest(self) -> bytes:
        """The manifest blob."""
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _descriptor(CONFIG, self.config),
                "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in self.layers],
            }
        )

    @property
    def digest(self) -> str:
        """Digest of the manifest, `sha256:…`: the identity of the image."""
        return digest_of(self.manifest)

    @property
    def reference(self) -> str:
        """Name and a tag that is made from the content: another content never hides behind the same reference."""
        return f"{self.name}:{self.digest.removeprefix('sha256:')[:SHORT]}"

    @property
    def by_digest(self) -> str:
        """Name and digest, as manifests name what they run."""
        return f"{self.name}@{self.digest}"


def write_archive(image: Image, target: IO[bytes], *, without: Collection[str] = ()) -> None:
    """Write the archive, as a stream. Layers whose digests are in `without` are left out: the reader has them."""
    index = _json(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    **_descriptor(MANIFEST, image.manifest),
                    "annotations": {
                        "io.containerd.image.name": image.reference,
                        "org.opencontainers.image.ref.name": image.reference.rpartition(":")[2],
                    },
                }
            ],
        }
    )
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", index)
        for blob in (image.config, image.manifest):
            _add(archive, blob_path(digest_of(blob)), blob)
        for layer in image.layers:
            if layer.digest in without:
                continue
            entry = tarfile.TarInfo(blob_path(layer.digest))
            entry.size = layer.size
            with layer.file.open("rb") as content:
                archive.addfile(entry, content)


def digest_of(blob: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def blob_path(digest: str) -> str:
    """Where an archive keeps a blob."""
    return "blobs/" + digest.replace(":", "/")


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
