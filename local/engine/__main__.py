"""`make preview STACK=…`: a stack through the real engine and the policies, with stand-ins for the providers."""

from __future__ import annotations

import os
import sys
import time

from local.cluster.layout import CHECKOUT, here
from local.cluster.progress import Progress
from local.engine import local
from local.engine.session import Judged, Session
from local.engine.tools import build_engine

from herold.errors import HeroldError

CLOUDS = ("aws-staging", "aws-prod")
STACKS = (*CLOUDS, local.STACK)


def main(stack: str) -> int:
    """Preview the stack. The exit code is the engine's: not zero for a mistake or a violation."""
    if stack not in STACKS:
        print(f"there is no stack {stack!r}; STACK={' or STACK='.join(STACKS)}", file=sys.stderr)
        return 2
    progress = Progress()
    # What stands nowhere is only declared; the local one is held against the cluster that runs.
    session = (
        Session(build_engine(progress), CHECKOUT / "build" / "infra", stack)
        if stack in CLOUDS
        else local.session_of(here(), os.environ, progress)
    )
    session.prepare()
    began = time.monotonic()
    judged = session.preview(refresh=session.real)
    print(judged.text)
    # Which fields: the engine names only resources.
    for change in judged.changes:
        if session.real and change.paths:
            print(f"  {change}")
    print(f"{stack}: {_verdict(judged, real=session.real)}, {time.monotonic() - began:.1f} s", flush=True)
    return judged.code


def _verdict(judged: Judged, *, real: bool) -> str:
    if not judged.ok:
        return "refused"
    if not real:
        return "0 violations"
    return f"0 violations, {len(judged.changes) or 'no'} change{'s' * (len(judged.changes) > 1)}"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
    except HeroldError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
