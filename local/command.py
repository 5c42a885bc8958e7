"""Other programs: run with a deadline, their words kept for the error."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from herold.errors import HeroldError

LAST_LINES = 15


class CommandFailed(HeroldError):
    """A program that this one needs ended with an error; its last words are in the message."""


def run(
    argv: Sequence[str | Path],
    *,
    seconds: float,
    given: str | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Standard output of a program. Raises CommandFailed with the end of its standard error, or at the deadline."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, input=given, capture_output=True, text=True, timeout=seconds, check=False, env=environ, cwd=folder
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{' '.join(words[:4])} … did not end within {seconds:.0f} s") from None
    except FileNotFoundError:
        raise CommandFailed(f"{words[0]} is not there") from None
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-LAST_LINES:])
        raise CommandFailed(f"{' '.join(words[:4])} … ended with {done.returncode}\n{said}")
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, seconds: float = 10) -> bool:
    """Whether the program ends well within the deadline."""
    try:
        run(argv, seconds=seconds)
    except CommandFailed:
        return False
    return True
