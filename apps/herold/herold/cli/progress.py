"""How far a run is: a bar on a terminal, a line every two seconds elsewhere. On standard error."""

from __future__ import annotations

import sys
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING

from herold.words import instant, legible, span

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from herold.ledger.counts import RunStatus

SILENCE_SECONDS = 2.0
RATE_SECONDS = 5.0


class Rate:
    """Messages a second over the last few seconds."""

    def __init__(self, seconds: float = RATE_SECONDS) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, settled: int) -> float:
        """`now` in seconds of any clock that does not jump; `settled` is a count that grows."""
        self._seen.append((now, settled))
        while self._seen[0][0] < now - self._seconds:
            self._seen.popleft()
        return self.latest()

    def latest(self) -> float:
        """The same, as of what was added last."""
        (since, before), (now, settled) = self._seen[0], self._seen[-1]
        return (settled - before) / (now - since) if now > since else 0.0


def told(run: RunStatus, rate: float) -> str:
    """One line: what goes on, or what it waits for."""
    counts = f"sent {run.sent:,} of {run.planned:,}"
    counts += "".join(
        f", {name} {number:,}"
        for name, number in (
            ("deferred", run.deferred),
            ("failed", run.failed),
            ("suppressed", run.suppressed),
            ("skipped", run.skipped),
            ("uncertain", run.uncertain),
        )
        if number or name in ("deferred", "uncertain")
    )
    if run.summary == "Held":
        return f"{counts}; held: {'; '.join(run.holds)}"
    if run.summary == "Armed":
        return f"{counts}; first due {instant(run.next_due_at)}"
    if run.summary != "Sending":
        return f"{counts}; {run.summary.lower()}"
    left = f", {span(run.waiting / rate)} left" if rate and run.waiting else ""
    return f"{counts}, {rate:,.0f}/s{left}"


class Progress:
    """Shows a run while it goes on."""

    def __init__(self) -> None:
        self._rate = Rate()
        self._spoken = float("-inf")
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            from herold.cli.output import console

            words = TextColumn("{task.description}", markup=False)
            self._bar = Bar(BarColumn(30), words, console=console(err=True), transient=True)
            self._task = self._bar.add_task("", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, run: RunStatus, now: float) -> None:
        """`now` in seconds of any clock that does not jump."""
        self._say(told(run, self._rate.add(now, run.planned - run.waiting)), now, run)

    def away(self, now: float) -> None:
        """The ledger does not answer; workers wait for it too."""
        self._say("the ledger does not answer; waiting for it", now, None)

    def _say(self, text: str, now: float, run: RunStatus | None) -> None:
        text = legible(text)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text)
            if run is not None:
                self._bar.update(self._task, total=run.planned, completed=run.planned - run.waiting)
        elif now - self._spoken >= SILENCE_SECONDS:
            self._spoken = now
            print(text, file=sys.stderr, flush=True)
