"""From arguments to an exit code: every error becomes words on standard error, and none a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from traceback import extract_tb, print_exception

import click

from herold.errors import HeroldError
from herold.words import legible

DEBUG_VARIABLE, DEBUG = "HEROLD_LOG_LEVEL", "debug"


class ExitCode(IntEnum):
    """With what `herold` ends. The table in docs/reference/cli.md is generated from here."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INVALID = 3
    REFUSED = 4
    TEMPORARY = 5
    NEEDS_APPROVAL = 6
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "It was done.",
    ExitCode.INTERNAL: "An error of the program itself, or of the machine it runs on.",
    ExitCode.USAGE: "The command line is wrong: an unknown command, option or value.",
    ExitCode.INVALID: "The input is wrong (every mistake is named), or what was asked for does not exist.",
    ExitCode.REFUSED: "A guard said no, or nobody confirmed: nothing was done, a person decides. "
    "The plan of a branch: it must not be merged as it is. A proof: some of it was taken by no inbox.",
    ExitCode.TEMPORARY: "Something outside did not answer: the same command may succeed later.",
    ExitCode.NEEDS_APPROVAL: "The plan of a branch is right, and a second person must approve it before it is merged.",
    ExitCode.INTERRUPTED: "Interrupted by Ctrl-C or SIGTERM; what was begun was finished and recorded.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code (`ExitCode`). `argv` is without the program's name."""
    from herold.cli.root import herold

    return run(herold, "herold", argv)


def run(root: click.Command, program: str, argv: Sequence[str] | None) -> int:
    """The same for another program's commands."""
    try:
        code = root.main(args=None if argv is None else list(argv), prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say(program, "interrupted")
        return ExitCode.INTERRUPTED
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        _say(program, error.format_message())
        return ExitCode.INTERNAL
    except HeroldError as error:
        _say(program, error.message, hint=error.hint)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has enough (`| head`). Python must not complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:
        return _unexpected(program, error)
    return code if isinstance(code, int) else ExitCode.OK


def _unexpected(program: str, error: Exception) -> int:
    if os.environ.get(DEBUG_VARIABLE) == DEBUG:
        print_exception(error)
        return ExitCode.INTERNAL
    hint = f"{DEBUG_VARIABLE}={DEBUG} shows where it comes from"
    refused = _refusal_of_the_ledger(error)
    if refused is not None:
        hint = "docs/reference/database-roles.md says who may do this"
        _say(program, f"the ledger refuses this login: {refused}", hint=hint)
        return ExitCode.REFUSED
    if _is_of_the_ledger(error):
        _say(program, f"the ledger did not answer ({type(error).__name__})", hint=f"try again; {hint}")
        return ExitCode.TEMPORARY
    if isinstance(error, OSError) and error.strerror:
        _say(program, f"{error.filename}: {error.strerror}" if error.filename else error.strerror, hint=hint)
        return ExitCode.INTERNAL
    # Its words may quote a person's data; its kind and place don't.
    place = extract_tb(error.__traceback__)[-1]
    _say(program, f"internal error: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}", hint=hint)
    return ExitCode.INTERNAL


def _is_of_the_ledger(error: Exception) -> bool:
    psycopg = sys.modules.get("psycopg")  # not imported: then nobody asked the ledger
    return psycopg is not None and isinstance(error, psycopg.OperationalError)


def _refusal_of_the_ledger(error: Exception) -> str | None:
    """Which right is missing. PostgreSQL names objects there, and no values."""
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(error, psycopg.errors.InsufficientPrivilege):
        return None
    return str(error.diag.message_primary)


def _say(program: str, message: str, *, hint: str | None = None) -> None:
    text = f"{program}: {message}" + (f"\n  hint: {hint}" if hint else "")
    click.echo("\n".join(legible(line) for line in text.split("\n")), err=True)
