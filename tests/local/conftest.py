"""`local` is a folder of this checkout and not of the engine: the tests' path does not have it yet."""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = str(Path(__file__).resolve().parents[2])
# At the end: nothing at the checkout's root may take the place of a module.
if CHECKOUT not in sys.path:
    sys.path.append(CHECKOUT)
