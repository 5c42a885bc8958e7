"""One tree of errors: each says what happened, where, and what the reader can do about it.

The class answers two questions for every caller: is it worth trying again (`Temporary`), and with
which code does the command line end (`exit_code`; the table is in docs/reference/cli.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class HeroldError(Exception):
    """Base of everything that Herold raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing wrong with an input: where it stands, what it is, what to write instead.

    `line` and `column` count from 1; 0 means that the place has no line (an environment variable, say).
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    fix: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"
        return f"{text}\n    fix: {self.fix}" if self.fix else text


class InvalidInput(HeroldError):
    """The input is wrong; trying again without changing it is pointless. Carries *all* mistakes."""

    exit_code = 3

    def __init__(self, mistakes: list[Mistake] | tuple[Mistake, ...], *, what: str = "input") -> None:
        self.mistakes = tuple(sorted(mistakes))
        count = len(self.mistakes)
        lines = "\n".join(str(mistake) for mistake in self.mistakes)
        super().__init__(f"{count} mistake{'s' if count != 1 else ''} in the {what}\n{lines}")


class Refused(HeroldError):
    """A guard said no: nothing was done, and only a person's decision can change that."""

    exit_code = 4

    def __init__(self, reason: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{reason}: {message}", hint=hint)
        self.reason = reason


class NotFound(HeroldError):
    """What was asked for by name does not exist."""

    exit_code = 3


class Temporary(HeroldError):
    """Something outside did not answer; the same command may succeed later."""

    exit_code = 5
