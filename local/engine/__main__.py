"""`make preview STACK=…`: a stack through the real engine and the policies, with stand-ins for the providers."""

from __future__ import annotations

import sys
import time

from local.cluster.layout import CHECKOUT
from local.cluster.progress import Progress
from local.engine.session import Session
from local.engine.tools import build_engine

from herold.errors import HeroldError

STACKS = ("aws-staging", "aws-prod")


def main(stack: str) -> int:
    """Preview the stack. The exit code is the engine's: not zero for a mistake or a violation."""
    if stack not in STACKS:
        print(f"there is no stack {stack!r}; STACK={' or STACK='.join(STACKS)}", file=sys.stderr)
        return 2
    session = Session(build_engine(Progress()), CHECKOUT / "build" / "infra", stack)
    session.prepare()
    began = time.monotonic()
    judged = session.preview()
    print(judged.text)
    print(f"{stack}: {'refused' if judged.code else '0 violations'}, {time.monotonic() - began:.1f} s", flush=True)
    return judged.code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
    except HeroldError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
