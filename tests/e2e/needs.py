"""`python -m e2e.needs`: one line that says what this machine lacks for `make e2e`; 4 when it lacks anything."""

from __future__ import annotations

import os
import sys

from local.cluster import build, needs, traces
from local.cluster.layout import here
from local.cluster.process import find


def main() -> int:
    """Look, say, and the exit code."""
    if "HEROLD_CONTEXT" in os.environ:
        print("make e2e: runs on a cluster of its own; unset HEROLD_CONTEXT", file=sys.stderr)
        return 4
    layout = here()
    fresh = not any(find(layout, name) for name in traces.NAMES)
    lacks = needs.find_lacks(layout, built=build.are_built(layout), fresh=fresh)
    if lacks:
        print(f"make e2e lacks {'; '.join(lack.what for lack in lacks)} (make up says how to get it)", file=sys.stderr)
    return 4 if lacks else 0


if __name__ == "__main__":
    sys.exit(main())
