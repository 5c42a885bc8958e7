"""Images in our containerd: what is there, and what is brought in. ctr is containerd's own client."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable

from local.cluster.layout import Layout
from local.command import CommandFailed, run, succeeds
from local.images.archive import Image, write_archive

IMPORT_SECONDS = 300


def answers(layout: Layout) -> bool:
    """Whether containerd answers."""
    return succeeds([*_ctr(layout), "version"])


def present(layout: Layout, reference: str) -> bool:
    """Whether an image of that name is there."""
    return reference in run([*_ctr(layout), "images", "list", "-q"], seconds=30).split()


def forget_containers(layout: Layout) -> None:
    """Drop what containerd knows of containers of an earlier cluster, and what they wrote; none of them runs."""
    if there := run([*_ctr(layout), "containers", "list", "-q"], seconds=30).split():
        run([*_ctr(layout), "containers", "delete", *there], seconds=120)


def bring_in(layout: Layout, image: Image, *, also_named: Iterable[str] = ()) -> bool:
    """Import the image unless it is there; True when it was not. Only layers that containerd lacks are written.

    `also_named` are more names, which then stand for this content.
    """
    new = not present(layout, image.reference)
    if new:
        there = run([*_ctr(layout), "content", "ls", "-q"], seconds=60).split()
        _import(layout, image, there)
    for name in also_named:
        run([*_ctr(layout), "images", "tag", "--force", image.reference, name], seconds=30)
    return new


def _import(layout: Layout, image: Image, there: list[str]) -> None:
    # As a stream: a file of the whole archive would be written once more than needed.
    with tempfile.TemporaryFile() as words:
        command = [*_ctr(layout), "images", "import", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=words, stderr=words) as process:
            assert process.stdin is not None
            # When ctr has ended early its own words say more than the broken pipe.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                write_archive(image, process.stdin, without=there)
            try:
                process.wait(timeout=IMPORT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.returncode:
            words.seek(0)
            raise CommandFailed(f"{image.reference} was not imported: {words.read().decode(errors='replace')[-500:]}")


def _ctr(layout: Layout) -> tuple[str, ...]:
    return ("ctr", "--address", str(layout.containerd_socket), "--namespace", "k8s.io")
