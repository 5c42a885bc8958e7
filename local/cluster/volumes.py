"""Folders of the node for persistent volumes."""

from __future__ import annotations

import os
from pathlib import Path

from local.images.debian import UID


def make_volume(folder: Path) -> None:
    """A folder of the user of our images, for a volume of this node."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(folder, UID, UID)
