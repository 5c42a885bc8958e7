"""Stacks as their programs declare them, and the results that the page of compliance is made from."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

CHECKOUT = str(Path(__file__).resolve().parents[2])
# At the end: nothing at the checkout's root may take the place of a module.
if CHECKOUT not in sys.path:
    sys.path.append(CHECKOUT)

from local.engine.recording import Recorded, record, settings_of  # noqa: E402
from local.engine.tools import Engine, find_engine  # noqa: E402

RESULTS = pytest.StashKey[dict[str, dict[str, str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--compliance", help="write which test of which rule passed, as JSON, to this file")


@pytest.fixture(scope="session")
def prod() -> Recorded:
    return record("aws-prod", settings_of("aws-prod"))


@pytest.fixture(scope="session")
def staging() -> Recorded:
    return record("aws-staging", settings_of("aws-staging"))


@pytest.fixture(scope="session")
def local() -> Recorded:
    return record("local-test", settings_of("local-test"))


@pytest.fixture(scope="session")
def engine() -> Engine:
    engine = find_engine()
    if engine is None:
        pytest.skip("Pulumi's engine is not built (`make preview` builds it, with Go): no stack went through it")
    return engine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker = item.get_closest_marker("rule")
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("rule_name") if callspec else None
    if marker and name and report.when == "call":
        results: dict[str, dict[str, str]] = item.config.stash.setdefault(RESULTS, {})
        results.setdefault(name, {})[item.nodeid.partition("[")[0]] = report.outcome
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--compliance", default=None)
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(session.config.stash.get(RESULTS, {}), indent=1, sort_keys=True))
