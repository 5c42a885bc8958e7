"""Showing something again and again: on a terminal in place of what was there, elsewhere only when it changed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from herold.errors import Temporary

if TYPE_CHECKING:
    from rich.console import RenderableType

LOOK_SECONDS = 2.0
# What to show, and whether it was the last time.
Show = Callable[[], "tuple[RenderableType, bool]"]


def show_again(show: Show) -> None:
    """Until it was the last time, or somebody interrupts. While the API does not answer, that is said below."""
    with _place() as draw:
        while True:
            try:
                shown, last = show()
            except Temporary as error:
                draw(f"{error.message}; looking again")
            else:
                draw(shown)
                if last:
                    return
            time.sleep(LOOK_SECONDS)


@contextmanager
def _place() -> Iterator[Callable[[RenderableType], None]]:
    from rich.live import Live

    from herold.cli.output import console

    to = console()
    if sys.stdout.isatty():
        with Live(console=to, auto_refresh=False, vertical_overflow="visible") as live:
            yield lambda shown: live.update(shown, refresh=True)
        return
    before = ""

    def draw(shown: RenderableType) -> None:
        nonlocal before
        with to.capture() as capture:
            to.print(shown)
        if capture.get() != before:
            before = capture.get()
            click.echo(before)

    yield draw
