"""The inbox page: some messages of each locale, whole, and none of them does anything."""

from __future__ import annotations

import re
from collections import Counter
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path

import pytest

from herold.demo.inbox import inbox_page, main, read_letter, read_letters, read_newest
from herold.demo.mailbox import Mailbox

HOSTILE = "</style></title><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>'\"&{{7*7}}"


def message(locale: str | None, *, subject: str = "Hello", text: str = "Some text", html: str = "<p>Hi</p>") -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "The Shop <news@shop.example>", "anna@mail.example", subject
    made["Date"] = "Tue, 24 Nov 2026 20:47:37 +0000"
    made.set_content(text)
    if locale is not None:
        made.add_alternative(f'<!doctype html><html lang="{locale}">{html}</html>', subtype="html")
    return made.as_bytes()


def mailbox(folder: Path, *messages: bytes) -> Path:
    box = Mailbox(folder / "mailbox", 10_000)
    for number, each in enumerate(messages):
        box.keep(f"p{number}@mail.example".encode(), each)
    return folder / "mailbox"


class Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def test_each_locale_has_its_share_however_rare_it_is(tmp_path: Path) -> None:
    messages = [message("en")] * 200 + [message("de")] * 80 + [message("pl")] * 5
    letters = read_letters(mailbox(tmp_path, *messages), most=60)
    assert Counter(letter.locale for letter in letters) == {"en": 20, "de": 20, "pl": 5}
    assert len({letter.recipient for letter in letters}) == len(letters)


def test_a_message_is_read_as_its_recipient_reads_it() -> None:
    letter = read_letter("anna@mail.example", message("pl", subject="Wszystko taniej na wiosnę", text="Zażółć gęślą"))
    assert letter.subject == "Wszystko taniej na wiosnę"
    assert letter.text.strip() == "Zażółć gęślą"
    assert letter.locale == "pl"
    assert letter.html is not None
    assert ("From", "The Shop <news@shop.example>") in letter.fields
    assert "Content-Type: multipart/alternative" in letter.source


def test_a_message_of_text_alone_has_no_html(tmp_path: Path) -> None:
    letters = read_letters(mailbox(tmp_path, message(None)))
    assert [(letter.html, letter.locale) for letter in letters] == [(None, None)]
    page = inbox_page(letters, total=1)
    assert "iframe" not in Reader(page).elements
    assert "Some text" in page


def test_an_empty_mailbox_is_an_empty_inbox(tmp_path: Path) -> None:
    assert "0 of 0 messages" in inbox_page(read_letters(mailbox(tmp_path)), total=0)


def test_every_message_can_be_opened(tmp_path: Path) -> None:
    letters = read_letters(mailbox(tmp_path, message("en"), message("de"), message("pl")))
    found = Reader(inbox_page(letters, total=3))
    links = [value for tag, name, value in found.attributes if (tag, name) == ("a", "href")]
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert len([link for link in links if link.startswith("#m")]) == 3
    assert found.elements["iframe"] == 3


def test_hostile_messages_are_only_text_or_stand_in_a_frame_that_runs_nothing(tmp_path: Path) -> None:
    calm = Reader(inbox_page(read_letters(mailbox(tmp_path, message("en"))), total=1))
    (tmp_path / "mailbox").unlink()
    bad = message("en", subject=HOSTILE, text=HOSTILE, html=HOSTILE).replace(b"The Shop <", b"<b>The Shop</b> <")
    page = inbox_page(read_letters(mailbox(tmp_path, bad, b"no header at all\r\n", b"\xff\xfe\x00", b"")), total=4)
    hostile = Reader(page)
    assert hostile.elements.keys() <= calm.elements.keys()
    assert {"script", "img", "link", "object", "base", "form", "b"}.isdisjoint(hostile.elements)
    assert not [name for _, name, _ in hostile.attributes if name.startswith("on")]
    assert [value for tag, name, value in hostile.attributes if (tag, name) == ("iframe", "sandbox")] == [""]
    assert "{{7*7}}" in page


def test_the_page_itself_loads_nothing(tmp_path: Path) -> None:
    page = inbox_page(read_letters(mailbox(tmp_path, message("en"))), total=1)
    found = Reader(page)
    names = {"src", "action", "data", "srcset", "poster", "background"}
    assert not [each for each in found.attributes if each[1] in names]
    assert all(value.startswith("#") for tag, name, value in found.attributes if name == "href")
    assert not re.findall(r"url\(|@import", page)
    policy = next(value for _, _, value in found.attributes if value.startswith("default-src"))
    assert policy.startswith("default-src 'none'; ")
    assert "script-src" not in policy


def test_a_mailbox_of_the_newest_keeps_the_last_ones_over_a_restart_that_cut_one_in_two(tmp_path: Path) -> None:
    path = tmp_path / "mailbox"
    box = Mailbox(path, 3, newest=True)
    for number in range(5):
        box.keep(f"p{number}@mail.example".encode(), message("en"))
    with path.open("ab") as file:
        file.write(b"9999\tcut@mail.example\nhalf of it")
    box = Mailbox(path, 3, newest=True)
    for number in range(5, 7):
        box.keep(f"p{number}@mail.example".encode(), message("en"))
    found = [letter.recipient.partition("@")[0] for letter in read_newest(path)]
    assert found == ["p6", "p5", "p4", "p3"]
    assert [letter.recipient.partition("@")[0] for letter in read_newest(path, most=2)] == ["p6", "p5"]


def test_the_page_of_a_relay_shows_the_newest_first_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = mailbox(tmp_path, message("en", subject="The first"), message("en", subject="The last"))
    log = tmp_path / "accepted.tsv"
    log.write_text("1.0\ta:b\tp0@mail.example\tx\n2.0\ta:b\tp1@mail.example\tx\n")
    assert main([str(box), str(log)]) == 0
    page = capsys.readouterr().out
    assert "2 of 2 messages" in page
    assert page.index("The last") < page.index("The first")
    with pytest.raises(SystemExit):
        main([str(box), str(tmp_path / "absent")])
    assert "absent" in capsys.readouterr().err
