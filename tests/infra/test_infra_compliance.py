"""The page of compliance says what was tested, and nothing more."""

from __future__ import annotations

from local.engine.compliance import PAGE, TESTS, UNVERIFIED, build_page
from local.engine.recording import Recorded

from herold_policies.catalogue import all_rules


def test_a_rule_without_results_is_not_verified(prod: Recorded) -> None:
    page = build_page(all_rules(), {}, prod.graph)
    assert UNVERIFIED in page
    assert "passed |" not in page


def test_a_test_that_failed_or_was_skipped_verifies_nothing(prod: Recorded) -> None:
    rule = all_rules()[0]
    for outcome in ("failed", "skipped"):
        results = {rule.name: {f"tests/infra/x.py::{test}": outcome for test in TESTS}}
        assert "passed |" not in build_page((rule,), results, prod.graph)


def test_every_requirement_of_every_rule_has_a_row_in_the_kept_page() -> None:
    kept = PAGE.read_text()
    rows = {line for line in kept.splitlines() if line.startswith("| ")}
    for rule in all_rules():
        for source in rule.sources:
            assert any(row.startswith(f"| {source.clause} |") and f"`{rule.name}`" in row for row in rows), rule.name
