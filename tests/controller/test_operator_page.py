"""The reference page is current, and every reason says what it means and what to do."""

from __future__ import annotations

from pathlib import Path

from herold_operator.reasons import MEANINGS, ConditionType, Reason
from herold_operator.reference import main

ROOT = Path(__file__).parents[2]


def test_what_is_committed_is_current() -> None:
    assert main(["--check", "--root", str(ROOT)]) == 0, "run `python -m herold_operator.reference`"


def test_a_stale_page_is_noticed_and_mended(tmp_path: Path) -> None:
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0


def test_every_reason_has_a_meaning_and_whoever_reads_of_trouble_is_told_what_to_do() -> None:
    assert set(MEANINGS) == set(Reason)
    for reason, meaning in MEANINGS.items():
        trouble = (meaning.type, meaning.status) in {
            (ConditionType.DEGRADED, "True"),
            (ConditionType.VALID, "False"),
            (ConditionType.SUSPENDED, "True"),
        }
        assert bool(meaning.do) or not trouble, reason
