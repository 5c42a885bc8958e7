"""Images in our containerd: what is there, and what is brought in. ctr is containerd's own client."""

from __future__ import annotations

import tempfile
from pathlib import Path

from local.cluster.layout import Layout
from local.command import run, succeeds
from local.images.archive import Image, write_archive

IMPORT_SECONDS = 300


def answers(layout: Layout) -> bool:
    """Whether containerd answers."""
    return succeeds([*_ctr(layout), "version"])


def present(layout: Layout, reference: str) -> bool:
    """Whether an image of that name is there."""
    return reference in run([*_ctr(layout), "images", "list", "-q"], seconds=30).split()


def bring_in(layout: Layout, image: Image, *, also_named: str | None = None) -> bool:
    """Import the image unless it is there; True when it was not. Only layers that containerd lacks are written.

    `also_named` is a second, fixed name, which then stands for this content.
    """
    new = not present(layout, image.reference)
    if new:
        there = run([*_ctr(layout), "content", "ls", "-q"], seconds=60).split()
        with tempfile.TemporaryDirectory(dir=layout.run) as folder:
            archive = Path(folder) / "image.tar"
            write_archive(image, archive, without=there)
            run([*_ctr(layout), "images", "import", archive], seconds=IMPORT_SECONDS)
    if also_named:
        run([*_ctr(layout), "images", "tag", "--force", image.reference, also_named], seconds=30)
    return new


def _ctr(layout: Layout) -> tuple[str, ...]:
    return ("ctr", "--address", str(layout.containerd_socket), "--namespace", "k8s.io")
