"""The comment on a pull request and the page beside it: bounded, inert, and complete where there is room."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from herold.ledger.database import Connection
from herold.planning import artefact
from herold.planning.artefact import as_artefact
from herold.planning.brief import as_review_json, as_review_text
from herold.planning.comment import MARK, MOST_BYTES, as_comment, within
from herold.planning.review import Review
from parts.people import add_people
from planning.repository import Repository, another, started
from planning.test_forms import MARKUP, Page, check_inert, mjml
from policies.cases import policies

GITHUB = 65_536  # characters of a body
HELLO, TEMPLATE, SENDER = (f"test/{name}.yaml" for name in ("shop/hello", "shop/template", "shared/sender"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return started(tmp_path)


def with_html(repository: Repository, text: str = "Hello", subject: str = "Hello") -> None:
    content = {
        "locale": "en",
        "subject": subject,
        "preheader": "Today",
        "mjml": mjml(f'{text} {{{{ contact.first_name }}}} <a href="{{{{ unsubscribe_url }}}}">leave</a>'),
        "text": f"{text} {{{{ contact.first_name }}}}\n```\n| a | b |\n# {{{{ unsubscribe_url }}}}",
    }
    repository.edit(TEMPLATE, {"contents": [content]})


def many(repository: Repository, count: int, **change: object) -> Review:
    """A branch that adds so many campaigns."""
    for index in range(count):
        repository.write(f"test/shop/c{index:03}.yaml", another(f"campaign-{index:03}", **change))
    repository.commit()
    return repository.review(policies(), above=50_000)


def unfenced(comment: str) -> str:
    """Without blocks of code."""
    return re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", comment)


def test_a_comment_begins_with_its_mark_and_its_verdict(repository: Repository) -> None:
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    lines = as_comment(repository.review(policies())).splitlines()
    assert lines[0] == MARK
    assert lines[3] == "✅ **Fine.** 1 campaign: 1 edited."
    row = (
        "| ✅ | campaigns-shop/hello | test | edited | It goes out on 1 December 2026 at 09:00 Warsaw time, to at most"
    )
    assert any(line.startswith(row) for line in lines)


@pytest.mark.parametrize("count", [1, 20, 200])
def test_a_comment_is_never_longer_than_github_takes(repository: Repository, count: int) -> None:
    with_html(repository, text="word " * 400)
    repository.base = repository.commit()
    review = many(repository, count, audience={"maxRecipients": 90_000})
    comment = as_comment(review)
    assert len(comment) <= GITHUB
    assert len(comment.encode()) <= MOST_BYTES
    assert comment.count("<details>") == comment.count("</details>")
    assert "```" not in unfenced(comment), "a block is open at the end of a part"
    told = len(re.findall(r"<summary>✋ campaigns-shop/campaign-\d{3} · test · added</summary>", comment))
    left_out = re.search(r"(\d+) more campaigns did not fit here", comment)
    assert told + (int(left_out[1]) if left_out else 0) == count
    assert told >= min(count, 60)
    assert "1 campaign: 1 added" in comment or f"{count} campaigns: {count} added" in comment.replace(",", "")


def test_what_must_be_looked_at_comes_first(repository: Repository) -> None:
    for index in range(30):
        repository.write(f"test/shop/a{index:02}.yaml", another(f"a-{index:02}"))
    repository.write("test/shop/z.yaml", another("z-refused", audience={"maxRecipients": 5_000_000}))
    repository.write("test/shop/y.yaml", another("y-for-many", audience={"maxRecipients": 90_000}))
    repository.commit()
    review = repository.review(policies(), above=50_000)
    assert [entry.change.name.partition("/")[2] for entry in review.entries[:3]] == ["z-refused", "y-for-many", "a-00"]
    sections = re.findall(r"<summary>(.) campaigns-shop/(\S+) ·", as_comment(review))
    assert sections[:3] == [("❌", "z-refused"), ("✋", "y-for-many"), ("✅", "a-00")]


def test_no_part_before_the_campaigns_grows_without_end(repository: Repository) -> None:
    for index in range(300):
        repository.write(f"test/shop/m{index}.yaml", f"kind: Campaign\nmetadata: {{name: m{index}}}\n{'@' * 300}: x\n")
    review = many(repository, 250)
    comment = as_comment(review)
    assert len(comment.encode()) <= MOST_BYTES
    assert re.search(r"- and [\d,]+ more: `herold validate` names them all", comment)
    assert re.search(r"and \d+ more campaigns\n", comment)
    assert "<summary>" in comment


def test_lines_are_kept_whole_and_the_rest_is_counted() -> None:
    assert within(["abc", "def", "ghi"], 12, "and {} more") == ["abc", "def", "ghi"]
    assert within(["abc", "def", "ghi"], 11, "and {} more") == ["abc", "def", "and 1 more"]
    assert within([], 5, "and {} more") == []


def test_nothing_from_a_file_is_markup_in_the_comment(repository: Repository) -> None:
    repository.edit(SENDER, {"from": {"name": "<b>@admin</b> #1 [x](javascript:alert(1))"}})
    with_html(repository, subject=f"Hi {MARKUP}")
    repository.edit(HELLO, {"message": {"variables": {}}, "governance": {"owner": "shop"}})
    repository.commit()
    comment = as_comment(repository.review())
    outside = unfenced(comment)
    assert set(re.findall(r"<(/?\w+)", outside)) <= {"details", "/details", "summary", "/summary", "sub", "/sub"}
    assert "@admin" not in outside
    assert "](" not in outside
    assert "javascript:alert(1)" not in re.sub(r"&#\d+;", "", outside) or "](javascript" not in outside


def test_the_page_is_inert_and_loads_nothing(repository: Repository) -> None:
    repository.edit(SENDER, {"from": {"name": "<script>alert(3)</script>"}})
    with_html(repository, subject=f"Hi {MARKUP}", text="Hello")
    repository.commit()
    page = check_inert(as_artefact(repository.review()))
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == ["#campaign-1"]
    assert [attributes for tag, attributes in page.tags if attributes.get("id") == "campaign-1"]


def test_the_page_has_every_campaign_and_messages_while_there_is_room(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_html(repository)
    repository.base = repository.commit()
    review = many(repository, 12)
    page = Page(as_artefact(review))
    assert len(page.framed) == 12
    monkeypatch.setattr(artefact, "MOST_BYTES", 20_000)
    html = as_artefact(review)
    assert 1 <= len(Page(html).framed) < 12
    assert html.count('<section id="campaign-') == 12
    assert "There was no room for the message here" in html


def test_the_page_and_the_comment_hide_what_is_about_few(repository: Repository, connection: Connection) -> None:
    add_people(connection, [f"p{number}@rare{number}.example" for number in range(7)])
    add_people(connection, [f"q{number}@inbox.example" for number in range(40)])
    repository.edit(HELLO, {"occurrence": 2})
    repository.commit()
    review = repository.review(connection=connection)
    for text in (as_comment(review), as_artefact(review), as_review_text(review), as_review_json(review)):
        assert "rare" not in text
        assert "p1@" not in text
        assert "q1@" not in text


def test_a_terminal_and_a_program_get_the_verdict_too(repository: Repository) -> None:
    review = many(repository, 2, audience={"maxRecipients": 90_000})
    text = as_review_text(review)
    assert "needs approval. 2 campaigns: 2 added." in text
    assert "campaigns-shop/campaign-000 (test, added): needs approval" in text
    content = as_review_json(review)
    assert '"verdict": "Needs approval"' in content
    assert '"change": "Added"' in content
