"""What is proven of a branch, how much of it at most, and how that is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from herold.errors import InvalidInput
from herold.ledger.deliveries import STATES, State
from herold.ledger.proofs import SeedOutcome
from herold.planning.proofs import MOST_MAILS, MOST_SHOWN, PlannedProofs, plan_branch_proofs, plan_proofs
from herold.planning.proven import (
    MARK,
    Proven,
    Shown,
    as_proof_comment,
    as_proof_json,
    as_proof_text,
    as_unproven_comment,
)
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import small_campaign
from planning.repository import Repository, another, started
from planning.test_comment import GITHUB
from planning.test_forms import MARKUP

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SENDER = "test/shared/sender.yaml"


def seeds(count: int) -> list[dict[str, str]]:
    return [{"address": f"seed{index}@team.example"} for index in range(count)]


def in_languages(count: int, text: str = "Hello\n", **sender: object) -> ResolvedCampaign:
    """A campaign in so many languages, to one seed that reads English."""
    codes = [f"{a}{b}" for a in "ab" for b in "abcdefghijklmnopqrstuvwxyz"][: count - 1]
    contents = [{"locale": code, "subject": "Hello", "text": text} for code in ("en", *codes)]
    return small_campaign(template={"contents": contents}, sender={"seeds": seeds(1), **sender})


def planned(resolved: ResolvedCampaign) -> PlannedProofs:
    return plan_proofs(resolved, "test", now=NOW)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = started(tmp_path)
    made.edit(SENDER, {"seeds": seeds(3)})
    made.base = made.commit()
    return made


def test_a_seed_gets_its_own_language_and_what_no_seed_reads_goes_to_all() -> None:
    contents = [{"locale": each, "subject": "Hello", "text": "Hello\n"} for each in ("en", "de", "pl")]
    readers = [{"address": "a@team.example", "locale": "en-GB"}, {"address": "b@team.example", "locale": "de"}]
    made = planned(small_campaign(template={"contents": contents}, sender={"seeds": readers}))
    shown = {each.proof.locale: [seed.address[0] for seed in each.seeds] for each in made.proofs if each.proof}
    assert shown == {"en": ["a"], "de": ["b"], "pl": ["a", "b"]}


def test_every_language_is_shown_before_any_is_shown_twice() -> None:
    made = planned(in_languages(32, "{% if contact.vip == true %}a{% endif %}\n"))
    locales = [each.proof.locale for each in made.proofs if each.proof]
    assert len(set(locales[:32])) == 32
    assert len(locales) == MOST_SHOWN
    assert "24 further readers did not fit." in made.notes


def test_an_address_that_stands_twice_is_one_seed_and_no_more_than_ten_get_a_proof() -> None:
    made = planned(small_campaign(sender={"seeds": [*seeds(12), {"address": "SEED0@team.example"}]}))
    assert made.mails == 10 * len(made.proofs)
    assert "The last 2 seeds of the sender get none." in made.notes


def test_what_can_not_be_made_for_a_reader_is_a_mistake() -> None:
    contents = [{"locale": "en", "subject": "Hello", "text": "{% for i in range(99999) %}x{% endfor %}\n"}]
    with pytest.raises(InvalidInput, match="more steps than a message may") as caught:
        planned(small_campaign(template={"contents": contents}, sender={"seeds": []}))
    assert len(caught.value.mistakes) >= 2, "that there are no seeds is told beside it"


def test_what_is_new_comes_before_what_is_only_hit(repository: Repository) -> None:
    repository.edit("test/shop/template.yaml", {"defaultLocale": "en", "variables": [{"name": "x", "default": "1"}]})
    repository.write("test/shop/new.yaml", another("a-new-one"))
    repository.commit()
    selection = plan_branch_proofs(repository.branch(), "test", now=NOW)
    assert [each.name for each in selection.planned] == ["campaigns-shop/a-new-one", "campaigns-shop/hello"]


def test_one_command_sends_no_more_mails_than_it_may(repository: Repository) -> None:
    for index in range(200):
        repository.write(f"test/shop/c{index}.yaml", another(f"c{index}"))
    repository.commit()
    selection = plan_branch_proofs(repository.branch(), "test", now=NOW)
    assert 0 < sum(each.mails for each in selection.planned) <= MOST_MAILS
    left = 200 - len(selection.planned)
    assert selection.left_out == (
        f"{left} more campaigns, for one command sends 400 mails at most: prove them by name.",
    )


def told(count: int, name: str = "campaigns-shop/hello", state: State = "sent") -> Proven:
    outcomes = tuple(SeedOutcome(f"{name}{index}", state, 1, True) for index in range(10))
    campaign = PlannedProofs(name, "test", "0" * 64, (), (name,) * 5)
    return Proven(f"main..{name}", ((campaign, (Shown("en", name, outcomes),) * count),) * 20, (name,))


@pytest.mark.parametrize("name", ["campaigns-shop/" + "n" * 63, MARKUP, "|" * 60])
def test_a_comment_is_bounded_and_nothing_in_it_is_markup(name: str) -> None:
    comment = as_proof_comment(told(40, name))
    assert comment.startswith(f"{MARK}\n## Proof of ")
    assert len(comment) < GITHUB
    assert "<script" not in comment
    assert "@admin" not in comment
    rows = [line for line in comment.splitlines() if line.startswith("| ")]
    assert {row.count("|") for row in rows} == {6}
    assert "more rows" in comment


def test_the_headline_counts_what_became_of_it() -> None:
    for state in STATES:
        proven = told(1, state=state)
        assert f"200 {state}" in as_proof_comment(proven)
        assert proven.waits == (state in ("waiting", "deferred"))
        assert bool(proven.lost) == (state in ("failed", "suppressed", "skipped", "uncertain"))
    assert json.loads(as_proof_json(told(1)))["campaigns"][0]["shown"][0]["seeds"][0]["state"] == "sent"


def test_what_receivers_hold_against_it_is_told_in_every_form() -> None:
    warning = "s1._domainkey.shop.de: no TXT record is there. To do: publish it."
    proven = replace(told(1), warnings=(warning,))
    assert f"\nwarning: {warning}\n" in as_proof_text(proven)
    assert "\n- ⚠️ s1" in as_proof_comment(proven)
    assert json.loads(as_proof_json(proven))["warnings"] == [warning]


def test_mistakes_are_told_in_the_same_place_and_bounded(repository: Repository) -> None:
    repository.write("test/shop/broken.yaml", "\n---\n".join(f"kind: Broken{index}" for index in range(900)))
    repository.commit()
    with pytest.raises(InvalidInput) as caught:
        plan_branch_proofs(repository.branch(), "test", now=NOW)
    comment = as_unproven_comment("main..x", caught.value.mistakes)
    assert comment.startswith(MARK)
    assert len(comment) < GITHUB
    assert "`herold validate` names them all" in comment
