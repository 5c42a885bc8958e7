"""The four forms of a plan: inert whatever is in it, quiet about few people, valid, and without the network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herold.ledger.database import Connection
from herold.ledger.runs import start_run
from herold.planning import Plan, as_html, as_json, as_markdown, as_text, make_plan
from herold.planning.markdown import escaped
from herold.planning.plan import Overlap, Sample, Violation
from herold.planning.privacy import told, told_cells, told_names
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import small_campaign
from parts.people import KEY, add_people

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MARKUP = "</title></style><script>alert(4)</script> | `@admin #1"
HOSTILE = "</title></style><script>alert(1)</script>\x1b[31m|`@admin #1 [x](javascript:alert(2))\u202e"


def mjml(text: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section></mj-body></mjml>"


def campaign(subject: str = "Hello {{ contact.first_name }}", name: str = "The Shop") -> ResolvedCampaign:
    content = {
        "locale": "en",
        "subject": subject,
        "preheader": "Only today",
        "mjml": mjml('Hello {{ contact.first_name }}, <a href="{{ unsubscribe_url }}">leave</a>'),
        "text": "Hello {{ contact.first_name }}\n```\n| a | b |\n# {{ unsubscribe_url }}",
    }
    return small_campaign(
        template={"contents": [content]}, sender={"from": {"address": "news@shop.example", "name": name}}
    )


def plan_of(connection: Connection, resolved: ResolvedCampaign | None = None, **options: object) -> Plan:
    return make_plan(connection, resolved or campaign(), **{"key": KEY, "now": NOW, **options})  # type: ignore[arg-type]


@pytest.fixture
def hostile(connection: Connection) -> Plan:
    """A plan with hostile text in every place that text can come from."""
    add_people(connection, [f"p{n}@inbox.example" for n in range(30)], zones=["Europe/Warsaw", HOSTILE, None])  # type: ignore[list-item]
    connection.execute("UPDATE contact SET locale = %s WHERE id %% 2 = 0", (HOSTILE,))
    connection.execute("UPDATE endpoint SET domain = %s WHERE contact_id %% 3 = 0", (HOSTILE + ".example",))
    connection.execute("UPDATE contact SET attributes = jsonb_build_object('first_name', %s::text)", (HOSTILE,))
    resolved = campaign(subject=f"Hi {MARKUP} {{{{ contact.first_name }}}}", name="<script>alert(3)</script>")
    plan = plan_of(connection, resolved, against=campaign(), revision=HOSTILE, real_samples=True)
    return replace(
        plan,
        violations=(*plan.violations, Violation("error", HOSTILE, HOSTILE, HOSTILE, 3)),
        overlaps=(Overlap(HOSTILE, NOW, HOSTILE, 12, True),),
        campaign=HOSTILE,
        owner=HOSTILE,
        topic=HOSTILE,
    )


class Page(HTMLParser):
    """Every start tag of a document with its attributes, those of framed documents too."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.framed: list[Page] = []
        self.data = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "iframe":
            self.framed.append(Page(attributes["srcdoc"] or ""))

    def handle_data(self, data: str) -> None:
        self.data += data

    def everything(self) -> Iterator[tuple[str, dict[str, str | None]]]:
        yield from self.tags
        for page in self.framed:
            yield from page.everything()


def check_inert(html: str) -> Page:
    page = Page(html)
    assert page.framed
    for tag, attributes in page.everything():
        assert tag not in ("script", "object", "embed", "base", "form"), tag
        assert not any(name.startswith("on") for name in attributes), attributes
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert not (attributes.get(name) or "").strip().lower().startswith(("javascript:", "data:text")), attributes
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "image", "use", "video", "audio"), tag
        assert "src" not in attributes
        if tag == "iframe":
            assert "sandbox" in attributes
            assert not attributes["sandbox"]
    return page


def test_the_page_is_inert_and_loads_nothing(hostile: Plan) -> None:
    html = as_html(hostile)
    page = check_inert(html)
    assert not re.search(r"@import|url\(", html.partition("<body>")[0])
    policy = next(
        attributes["content"]
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert not [attributes for _, attributes in page.tags if "http" in (attributes.get("href") or "")]
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_samples_in_frames_are_the_composed_message(connection: Connection) -> None:
    add_people(connection, ["a@inbox.example"])
    page = Page(as_html(plan_of(connection)))
    links = [attributes["href"] for frame in page.framed for tag, attributes in frame.tags if tag == "a"]
    assert links
    assert all(link and link.startswith("https://shop.example/u/") for link in links)
    # Somebody's <script> is words in the frame, and in the page.
    assert any("<script>alert(1)</script>" in frame.data for frame in page.framed)


def test_pictures_have_words(hostile: Plan) -> None:
    charts = [
        attributes
        for tag, attributes in Page(as_html(hostile)).tags
        if tag == "svg" and attributes.get("class") == "chart"
    ]
    assert len(charts) >= 5
    assert all(
        attributes.get("role") == "img" and len(attributes.get("aria-label") or "") > 20 for attributes in charts
    )


def test_frames_have_titles_and_inputs_have_labels(hostile: Plan) -> None:
    tags = Page(as_html(hostile)).tags
    assert all(attributes.get("title") for tag, attributes in tags if tag == "iframe")
    labels = {attributes.get("for") for tag, attributes in tags if tag == "label"}
    assert all(attributes.get("id") in labels for tag, attributes in tags if tag == "input")


def test_text_moves_no_cursor_and_turns_nothing_round(hostile: Plan) -> None:
    text = as_text(hostile)
    assert not [each for each in text if ord(each) < 32 and each != "\n"]
    assert not re.search("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text)
    assert "a real person" in text


def test_json_is_read_back_and_stays_inert_inside_a_page(hostile: Plan) -> None:
    text = as_json(hostile)
    assert "<" not in text
    content = json.loads(text)
    assert content["size"] == 30
    assert content["campaign"] == HOSTILE
    assert content["madeAt"] == "2026-11-24T12:00:00Z"
    assert content["bounds"]["startingDeadline"] == 6 * 3600
    assert content["from"].startswith("<script>")
    assert len(content["pace"]["zones"]) == 1
    assert content["pace"]["sent"] == 30


def outside_fences(markdown: str) -> Iterator[str]:
    fence = ""
    for line in markdown.split("\n"):
        mark = re.match(r"`{3,}", line)
        if mark and not fence:
            fence = mark[0]
        elif fence and line == fence:
            fence = ""
        elif not fence:
            yield line
    assert not fence


def test_markdown_is_inert_and_its_tables_are_whole(hostile: Plan) -> None:
    markdown = as_markdown(hostile)
    width = 0
    for line in outside_fences(markdown):
        bare = re.sub(r"&#[0-9]+;", "", line)
        assert not re.search(r"<(?!/?(details|summary|sub)>)", bare), line
        assert not re.search(r"[\x00-\x1f\u202e]", bare), line
        # A mention or the number of an issue is broken by a word joiner.
        assert not re.search(r"[@#](?!#|\s)", re.sub(r"^#+ ", "", bare)), line
        assert "](" not in bare
        if line.startswith("|"):
            cells = line.count("|")
            assert cells == (width or cells), line
            width = cells
        else:
            width = 0


def test_fences_in_a_text_do_not_end_its_own(connection: Connection) -> None:
    add_people(connection, ["a@inbox.example"])
    markdown = as_markdown(plan_of(connection))
    assert "````text" in markdown
    assert "| a | b |" in markdown
    assert not [line for line in outside_fences(markdown) if line == "| a | b |"]


@given(st.text())
def test_escaped_text_holds_nothing_that_is_markup(text: str) -> None:
    assert not re.search(r"[\\`*_{}\[\]<>|~@\n\r]|://|www\.", escaped(text), re.IGNORECASE)


def test_markdown_names_nobody_real_and_no_few(connection: Connection) -> None:
    """Canary values of people, and counts under ten, are looked for in the whole text."""
    people = [f"canary{n}@inbox.example" for n in range(200)]
    add_people(connection, people, zones=["Europe/Warsaw"] * 97 + ["Asia/Tokyo"] * 2 + ["Asia/Seoul"])
    connection.execute('UPDATE contact SET attributes = \'{"first_name": "Canaria"}\'')
    connection.execute("UPDATE contact SET locale = 'is' WHERE id <= 7")
    connection.execute("UPDATE endpoint SET domain = 'canary-family.example' WHERE contact_id <= 3")
    connection.execute("DELETE FROM consent_current WHERE contact_id IN (8, 9)")
    connection.execute("DELETE FROM endpoint WHERE contact_id = 10")
    other = campaign(subject="Other")
    start_run(connection, replace_name(other, "other"), key=KEY, actor="test")
    connection.execute("DELETE FROM delivery WHERE position > 5")
    plan = plan_of(connection, against=replace_name(campaign(), "hello"), revision="main", real_samples=True)
    assert {each.people for each in plan.left_out} == {1, 2}
    assert [each.people for each in plan.overlaps] == [5]
    markdown = as_markdown(plan)
    assert "anar" not in markdown
    told_counts = {int(found) for found in re.findall(r"(?m)\| ([0-9]+) \|", markdown)}
    assert not told_counts & set(range(1, 10))
    assert "&#60;10" in markdown
    assert not re.search(r"\b[1-9] people|\b1 person", markdown)
    # On this machine everything is shown, and real people only on request.
    assert "Canaria" in as_text(plan)
    assert "Canaria" not in as_text(plan_of(connection))
    assert "canary" not in as_text(plan_of(connection)).replace("canary-family.example", "")


def replace_name(resolved: ResolvedCampaign, name: str) -> ResolvedCampaign:
    content = resolved.to_json()
    content["campaign"]["metadata"]["name"] = name
    return ResolvedCampaign.from_json(content)


def test_an_audience_of_a_few_is_not_told_by_any_number(connection: Connection) -> None:
    add_people(connection, [f"p{n}@inbox.example" for n in range(7)])
    resolved = small_campaign(
        campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 5}},
        template={"attributeDefaults": []},
        sender={"limits": {"perSecond": "0.001"}, "costPerThousand": "1000", "postalAddress": "Warsaw"},
        schedule={"expiresAfter": "1h"},
    )
    plan = plan_of(connection, resolved)
    assert {violation.reason for violation in plan.violations} >= {
        "TooManyRecipients",
        "MissingAttribute",
        "ManyExpire",
    }
    markdown = as_markdown(plan)
    for line in outside_fences(markdown):
        assert not re.search(r"\b[347] (people|of|expire|are)|\| [347] \||\b[347]\.00 EUR|\([0-9<]+ %\)", line), line


def test_every_form_says_what_can_not_be_rendered(connection: Connection) -> None:
    add_people(connection, ["a@inbox.example"])
    plan = plan_of(connection)
    trouble = Sample("en", "Rich", "", "", "", "", None, 0, "there is no first_name")
    broken = replace(plan, samples=(trouble,))
    for form in (as_text, as_json, as_markdown, as_html):
        assert "there is no first" in form(broken)


@given(st.lists(st.integers(0, 40), max_size=12))
def test_hidden_cells_can_not_be_worked_out_from_the_total(counts: list[int]) -> None:
    texts = told_cells(counts)
    small = [count for count in counts if 0 < count < 10]
    hidden = [count for count, text in zip(counts, texts, strict=True) if text in ("<10", "hidden")]
    assert all(text == f"{count:,}" for count, text in zip(counts, texts, strict=True) if text not in ("<10", "hidden"))
    assert not set(texts) & {str(count) for count in range(1, 10)}
    if small and sum(1 for count in counts if count) > 1:
        assert len(hidden) >= 2


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 30))
def test_names_of_few_go_into_others(counts: list[int], others: int) -> None:
    cells = sorted(((f"n{index}", count) for index, count in enumerate(counts)), key=lambda cell: -cell[1])
    told_ones = told_names(cells, others, 1 if others else 0, noun="domains")
    named = {each.name for each in told_ones}
    assert not named & {name for name, count in cells if count < 10}
    shown = sum(int(each.count.replace(",", "")) for each in told_ones if each.count != "<10")
    if "<10" not in {each.count for each in told_ones}:
        assert shown == sum(counts) + others
    else:
        assert len(told_ones) == 1  # nothing else is there to work it out from


def test_small_counts_are_hidden_and_none_is_none() -> None:
    assert [told(count) for count in (0, 1, 9, 10, 12_345)] == ["0", "<10", "<10", "10", "12,345"]
