"""Parts that tests share, and what a run did not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

pytest_plugins = ["parts.postgres"]

DESELECTED = pytest.StashKey[int]()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items:
        stash = items[0].config.stash
        stash[DESELECTED] = stash.get(DESELECTED, 0) + len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["herold_deselected"] = session.config.stash.get(DESELECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # Every worker of xdist collects, and deselects, the same.
    told = getattr(node, "workeroutput", {}).get("herold_deselected", 0)
    node.config.stash[DESELECTED] = max(told, node.config.stash.get(DESELECTED, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line: how much was not run, and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        where = report.longrepr
        reasons[where[2].removeprefix("Skipped: ") if isinstance(where, tuple) else str(where)] += 1
    config = terminalreporter.config
    deselected = config.stash.get(DESELECTED, 0)
    if deselected:
        chosen = " and ".join(
            config.getoption(option) for option in ("markexpr", "keyword") if config.getoption(option)
        )
        reasons[f"deselected by {chosen!r}" if chosen else "deselected"] += deselected
    total = sum(reasons.values())
    why = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
    terminalreporter.write_line(f"not run: {total} tests ({why})" if total else "not run: nothing", bold=True)
