"""Whether a branch may be merged: harm is refused, much takes a second person, and a brake always gets through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from herold.ledger.database import Connection
from herold.ledger.runs import change_run, start_run
from herold.planning import numbers
from herold.planning.comment import as_comment
from herold.planning.review import Review, Verdict
from herold.resources.resolved import ResolvedCampaign
from parts.people import KEY, add_people
from planning.repository import NOW, Repository, another, started
from policies.cases import policies

HELLO, SEGMENT, TEMPLATE = (f"test/shop/{name}.yaml" for name in ("hello", "segment", "template"))
MANY: dict[str, Any] = {"audience": {"maxRecipients": 90_000}}
BROKEN = [{"locale": "en", "subject": "Hello", "text": "{{ contact.first_name }} {{ 1 / 0 }} {{ unsubscribe_url }}"}]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return started(tmp_path)


def reasons(review: Review) -> list[tuple[str, str]]:
    return [(note.severity, note.reason) for entry in review.entries for note in entry.notes]


def resolved(repository: Repository) -> ResolvedCampaign:
    """`hello` as it stands."""
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    (change,) = repository.branch().changes
    assert change.before is not None
    return change.before


def test_a_branch_that_changes_nothing_is_fine(repository: Repository) -> None:
    review = repository.review(policies())
    assert (review.verdict, review.entries) == (Verdict.FINE, ())
    assert "No campaign changes." in as_comment(review)


def test_an_ordinary_edit_is_fine_and_its_plan_is_told(repository: Repository) -> None:
    repository.edit(HELLO, {"schedule": {"at": "2026-12-02T10:00:00"}})
    repository.commit()
    entry = repository.entry(policies=policies(), above=50_000)
    assert entry.verdict is Verdict.FINE
    assert entry.told is not None
    assert entry.told.headline == "It goes out on 2 December 2026 at 10:00 Warsaw time, to at most 50,000 people."
    assert entry.told.against is not None
    assert [each.path for each in entry.told.against.fields] == ["campaign.spec.schedule.at"]
    assert not entry.told.counted
    assert {each.kind for each in entry.told.samples} == {"Rich"}


@pytest.mark.parametrize("name", ["a campaign for many", "a bound that is raised", "a segment of a campaign for many"])
def test_more_people_than_one_may_decide_on_take_a_second_person(repository: Repository, name: str) -> None:
    if name == "a campaign for many":
        repository.write("test/shop/many.yaml", another("many", **MANY))
    elif name == "a bound that is raised":
        repository.edit(HELLO, MANY)
    else:
        repository.edit(HELLO, MANY)
        repository.base = repository.commit()
        repository.edit(SEGMENT, {"allOf": [{"anyOf": [{"order": {"atLeast": 1}}]}]})
    repository.commit()
    entry = repository.entry(above=50_000)
    assert entry.verdict is Verdict.NEEDS_APPROVAL
    note = next(each for each in entry.notes if each.reason == "NeedsApproval")
    assert note.message == "It may go to 90,000 people, and more than 50,000 take a second person in test."
    assert repository.entry(above=90_000).verdict is Verdict.FINE


def test_what_does_not_decide_who_gets_what_takes_nobody(repository: Repository) -> None:
    repository.edit(HELLO, MANY)
    repository.base = repository.commit()
    repository.edit("test/shared/sender.yaml", {"limits": {"perSecond": "1"}})
    repository.commit()
    assert repository.entry(above=50_000).verdict is Verdict.FINE


def test_a_policy_refuses_in_the_words_of_the_api_server(repository: Repository) -> None:
    repository.edit(HELLO, {"audience": {"maxRecipients": 200_000}})
    repository.commit()
    entry = repository.entry(policies=policies(), above=50_000)
    assert entry.verdict is Verdict.REFUSED
    assert (entry.notes[0].severity, entry.notes[0].reason) == ("error", "herold-audience-bound")
    assert "200000 is more than 100000, the bound of this campaign in test" in entry.notes[0].message


def test_mistakes_and_a_template_that_breaks_a_policy_refuse_the_branch(repository: Repository) -> None:
    repository.write("test/shop/new.yaml", another("new", messageClass="Advertising"))
    repository.commit()
    assert repository.review().verdict is Verdict.REFUSED
    repository.remove("test/shop/new.yaml")
    repository.edit(TEMPLATE, {"contents": [{"locale": "en", "subject": "Hello", "text": "Hello."}]})
    repository.commit()
    review = repository.review(policies())
    assert review.verdict is Verdict.REFUSED
    assert [each.reason for each in review.notes] == ["herold-unsubscribe-link"]
    assert "MessageTemplate campaigns-shop/hello (test): spec.contents: locale en" in review.notes[0].message


def test_a_message_that_can_not_be_made_refuses_the_branch(repository: Repository) -> None:
    repository.edit(TEMPLATE, {"contents": BROKEN})
    repository.commit()
    entry = repository.entry()
    assert (entry.verdict, entry.notes[0].reason) == (Verdict.REFUSED, "CannotRender")


def test_a_time_that_is_over_is_refused_only_to_whoever_writes_it(repository: Repository) -> None:
    past = {"schedule": {"at": "2026-11-01T10:00:00"}}
    repository.edit(HELLO, past)
    repository.commit()
    assert [note.reason for note in repository.entry().notes if note.severity == "error"] == ["StartMissed"]
    repository.base = repository.commit()
    repository.edit(SEGMENT, {"allOf": [{"anyOf": [{"order": {"atLeast": 1}}]}]})
    repository.commit()
    entry = repository.entry()
    assert entry.verdict is Verdict.FINE
    assert ("warning", "StartMissed") in [(note.severity, note.reason) for note in entry.notes]


def test_a_deletion_a_suspension_and_a_return_get_through_whatever_is_wrong(repository: Repository) -> None:
    """What stops mail must not wait for anybody, and for no other mistake either."""
    broken = {**MANY, "schedule": {"at": "2026-11-01T10:00:00"}}
    repository.edit(HELLO, broken)
    bad = repository.commit()
    fine = {"policies": policies(), "above": 50_000}
    assert repository.entry(**fine).verdict is Verdict.REFUSED

    repository.base = bad
    repository.edit(HELLO, {"suspend": True, "audience": {"maxRecipients": 200_000}})
    repository.commit()
    entry = repository.entry(**fine)
    assert entry.verdict is Verdict.FINE
    assert "When it is no longer suspended: spec.audience.maxRecipients: 200000 is more" in entry.notes[0].message

    repository.git("checkout", "-q", "-B", "other", bad)
    repository.remove(HELLO)
    repository.commit()
    assert repository.entry(**fine).verdict is Verdict.FINE

    repository.git("checkout", "-q", "-B", "third", bad)
    repository.edit(TEMPLATE, {"contents": BROKEN})
    repository.base = repository.commit()
    repository.git("revert", "--no-edit", "HEAD")
    assert repository.entry(**fine).verdict is Verdict.FINE


def test_a_revert_of_a_merge_needs_no_second_approval(repository: Repository) -> None:
    repository.edit(HELLO, MANY)
    repository.commit()
    repository.edit(HELLO, {"audience": {"maxRecipients": 80_000}})
    repository.base = repository.commit()
    repository.git("revert", "--no-edit", "HEAD")
    assert repository.entry(above=50_000).verdict is Verdict.FINE


def test_many_that_vanish_at_once_are_pointed_out(repository: Repository) -> None:
    for index in range(9):
        repository.write(f"test/shop/more-{index}.yaml", another(f"more-{index}"))
    repository.base = repository.commit()
    for index in range(5):
        repository.remove(f"test/shop/more-{index}.yaml")
    repository.commit()
    review = repository.review()
    assert review.verdict is Verdict.FINE
    assert [note.reason for note in review.notes] == ["MassDeletion"]
    assert review.notes[0].message.startswith("5 of 10 campaigns of test vanish at once")


def test_people_are_counted_in_the_ledger_of_their_environment_only(
    repository: Repository, connection: Connection
) -> None:
    add_people(connection, [f"p{number}@inbox.example" for number in range(30)])
    for name, content in list(repository.objects.items()):
        repository.write(name.replace("test/", "prod/", 1), content)
    repository.base = repository.commit()
    for environment in ("test", "prod"):
        repository.edit(f"{environment}/shop/hello.yaml", {"occurrence": 2})
    repository.commit()
    review = repository.review(connection=connection)
    told = {entry.change.environment: entry.told for entry in review.entries}
    assert told["test"] is not None
    assert told["prod"] is not None
    assert (told["test"].counted, told["prod"].counted) == (True, False)
    assert dict(told["test"].facts)["People"] == "30"
    assert dict(told["prod"].facts)["People"] == "not counted; at most 50,000 people"
    assert "People of test are counted in its ledger" in as_comment(review)


def test_counts_under_ten_are_hidden(repository: Repository, connection: Connection) -> None:
    add_people(connection, [f"p{number}@inbox.example" for number in range(3)])
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    entry = repository.entry(connection=connection)
    assert entry.told is not None
    assert dict(entry.told.facts)["People"] == "<10"
    assert not any("3 people" in note.message for note in entry.notes)
    assert "3 people" not in entry.told.headline


def test_a_deletion_says_which_run_it_pauses(repository: Repository, connection: Connection) -> None:
    add_people(connection, [f"p{number}@inbox.example" for number in range(30)])
    run = start_run(connection, resolved(repository), key=KEY, actor="test").run_id
    repository.remove(HELLO)
    repository.commit()
    entry = repository.entry(connection=connection)
    assert entry.verdict is Verdict.FINE
    assert entry.notes[0].reason == "PausesRun"
    assert entry.notes[0].message == f"It runs, and the deletion pauses it: run {run} is armed, 0 of 30 sent."
    change_run(connection, run, "stop", actor="test")
    entry = repository.entry(connection=connection)
    assert (entry.notes[0].reason, entry.notes[0].message) == ("Deleted", "It does not run.")


def test_an_edit_of_what_runs_is_told_as_not_obeyed_and_is_not_refused(
    repository: Repository, connection: Connection
) -> None:
    add_people(connection, [f"p{number}@inbox.example" for number in range(30)])
    start_run(connection, resolved(repository), key=KEY, actor="test")
    repository.edit(HELLO, {"occurrence": 1, "schedule": {"at": "2026-11-01T10:00:00"}})
    repository.commit()
    entry = repository.entry(connection=connection)
    assert entry.verdict is Verdict.FINE
    assert {note.severity for note in entry.notes} == {"warning"}
    assert "AlreadyStarted" in [note.reason for note in entry.notes]


def test_of_very_many_campaigns_the_first_are_counted(
    repository: Repository, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "MOST_COUNTED", 2)
    add_people(connection, [f"p{number}@inbox.example" for number in range(30)])
    for index in range(4):
        repository.write(f"test/shop/more-{index}.yaml", another(f"more-{index}"))
    repository.commit()
    review = repository.review(connection=connection)
    assert [entry.told.counted for entry in review.entries if entry.told] == [True, True, False, False]
    assert review.made_at == NOW
