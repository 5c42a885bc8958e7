"""Logs: one form for all processes, every field and every line declared, and nothing that looks like an address."""

from __future__ import annotations

import ast
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from herold.journal import FIELDS, Journal
from herold_reader.log_page import SERVICES
from herold_reader.reference import main

ROOT = Path(__file__).parents[2]
SOURCES = {
    "operator": (ROOT / "operator" / "herold_operator",),
    "reader": (ROOT / "operator" / "herold_reader",),
    "worker": (ROOT / "apps" / "herold" / "herold" / "worker", ROOT / "apps/herold/herold/cli/worker.py"),
}
BY_EVERY_JOURNAL = {"library"}
# What a call with ** may add, checked where it is made.
SPREAD = {"ids", "self.counts", "Counter[str](taken.kinds)", "Counter[str](results.kinds)"}


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def calls(service: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a journal's `write` in the source of a process, with the place."""
    for source in SOURCES[service]:
        for file in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
            for node in ast.walk(ast.parse(file.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("write", "about")
                    and ast.unparse(node.func.value).rpartition(".")[2].strip("_") == "journal"
                ):
                    yield f"{file.name}:{node.lineno}", node


@pytest.mark.parametrize("service", SOURCES)
def test_every_line_and_every_field_that_a_process_writes_is_declared(service: str) -> None:
    said = set(BY_EVERY_JOURNAL)
    for place, call in calls(service):
        for keyword in call.keywords:
            if keyword.arg is None:
                assert ast.unparse(keyword.value) in SPREAD, f"{place}: fields must be named"
            else:
                assert keyword.arg in FIELDS, f"{place}: {keyword.arg} is not in herold.journal.FIELDS"
        if isinstance(call.func, ast.Attribute) and call.func.attr == "write":
            event = call.args[1]
            assert isinstance(event, ast.Constant), place
            said.add(str(event.value))
    assert said == set(SERVICES[service])


def test_the_page_of_logs_is_current() -> None:
    assert main(["--check", "--root", str(ROOT)]) == 0, "run `make generate`"


def test_a_line_has_time_level_service_and_event_first_and_leaves_out_what_is_not_known() -> None:
    stream = io.StringIO()
    journal = Journal("worker", "info", stream).about(worker="w1")
    journal.write("info", "run_closed", run=7, code=None)
    (line,) = lines(stream)
    assert list(line) == ["at", "level", "service", "event", "worker", "run"]
    assert line["at"].endswith("+00:00")
    assert (line["level"], line["service"], line["event"], line["run"]) == ("info", "worker", "run_closed", 7)


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_the_least_that_is_written(level: str, count: int) -> None:
    stream = io.StringIO()
    journal = Journal("worker", level, stream)
    for each in ("debug", "info", "warning", "error"):
        journal.write(each, "started")
    assert len(lines(stream)) == count
    assert journal.is_debug == (level == "debug")


def test_what_looks_like_an_address_is_none_any_more() -> None:
    stream = io.StringIO()
    Journal("worker", "info", stream).write("error", "ended", message="no <anna@mail.example> at postgresql://u:pw@h/d")
    text = stream.getvalue()
    assert "anna" not in text
    assert "pw" not in text
    assert lines(stream)[0]["message"] == "no <address> at <address>"


def test_a_complaint_of_every_try_is_written_once_a_second_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("herold.journal.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    journal = Journal("worker", "info", stream)
    slots = [journal.about(slot=number) for number in range(3)]
    for slot in slots:
        slot.write("warning", "ledger_is_away", error="OperationalError")
    now[0] += 1.5
    slots[2].write("warning", "ledger_is_away", error="OperationalError")
    assert [(line["slot"], line.get("repeats")) for line in lines(stream)] == [(0, None), (2, 2)]


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger and the warnings, as they were afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = before[0], before[1]
    logging.captureWarnings(False)


def test_libraries_speak_the_same_way_without_their_arguments_and_tracebacks(root_logger: logging.Logger) -> None:
    stream = io.StringIO()
    Journal("operator", "info", stream).take_over()
    library = logging.getLogger("library")
    library.info("nobody reads this")
    library.warning("row %s is odd", "anna")
    try:
        raise ValueError("anna is not a number")
    except ValueError:
        library.exception("it broke\nin two lines")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    assert "anna" not in stream.getvalue()
    first, second, third = lines(stream)
    assert (first["level"], first["logger"], first["message"]) == ("warning", "library", "row %s is odd")
    assert (second["level"], second["message"], second["error"]) == ("error", "it broke", "ValueError")
    assert second["where"].startswith("test_journal.py:")
    assert third["logger"] == "py.warnings"
    assert "old" in third["message"]
