"""An inbox as one page: what a relay was given, opened as a mail client would. It runs no script and loads nothing.

    python -m herold.demo.inbox MAILBOX LOG > inbox.html

shows the newest messages in the mailbox file of a sink.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from importlib import resources
from itertools import zip_longest
from pathlib import Path

from minijinja import Environment

from herold.demo.mailbox import older, read_mailbox
from herold.message.values import clean
from herold.planning.page import document

SHOWN = 60
DEMONSTRATION = "Inbox of the demonstration"
SOME_OF_EACH = (
    "Messages as the relay of the demonstration got them over SMTP, some of each locale."
    " People and addresses are made up."
)
NEWEST_FIRST = "The newest messages as the relay got them over SMTP. It keeps every one of them and delivers none."
_LANGUAGE = re.compile(r"<html[^>]*\slang=\"([A-Za-z0-9-]{1,35})\"", re.IGNORECASE)
_ENCODED_LANGUAGE = re.compile(rb"<html[^>]{0,40}\slang=(?:3D)?\"([A-Za-z0-9-]{1,35})\"", re.IGNORECASE)
_NAMES = {"en": "English", "de": "Deutsch", "pl": "Polski"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as its reader sees it. `html` and `locale` are None where it has none; `source` is all of it."""

    recipient: str
    from_: str
    subject: str
    date: str
    locale: str | None
    fields: tuple[tuple[str, str], ...]
    text: str
    html: str | None
    source: str


def read_letters(mailbox: Path, most: int = SHOWN) -> tuple[Letter, ...]:
    """At most `most` of the messages in a sink's mailbox file, the same number of each locale as far as there are."""
    by_locale: dict[bytes, list[tuple[str, bytes]]] = {}
    for recipient, message in read_mailbox(mailbox):
        # Reading a message takes milliseconds: only those that are shown are read whole.
        found = _ENCODED_LANGUAGE.search(message)
        by_locale.setdefault(found[1] if found else b"", []).append((recipient, message))
    share = -(-most // max(1, len(by_locale)))
    spread = [_spread(messages, share) for _, messages in sorted(by_locale.items())]
    mixed = [each for row in zip_longest(*spread) for each in row if each is not None]
    return tuple(read_letter(*each) for each in mixed[:most])


def read_newest(mailbox: Path, most: int = SHOWN) -> tuple[Letter, ...]:
    """The last `most` of the messages in a sink's mailbox file and the one before it, the newest first."""
    last: deque[tuple[str, bytes]] = deque(maxlen=most)
    for path in (older(mailbox), mailbox):
        if path.exists():
            last.extend(read_mailbox(path))
    return tuple(read_letter(*each) for each in reversed(last))


def read_letter(recipient: str, message: bytes) -> Letter:
    """One message. What others wrote into it is only ever text."""
    parsed = message_from_bytes(message, policy=default)
    html = _part(parsed, "html")
    language = _LANGUAGE.search(html) if html else None
    fields = tuple((name, _one_line(str(value))) for name, value in parsed.items())
    named = {name.lower(): value for name, value in reversed(fields)}
    return Letter(
        recipient=_one_line(recipient),
        from_=named.get("from", ""),
        subject=named.get("subject", ""),
        date=named.get("date", ""),
        locale=language[1] if language else None,
        fields=fields,
        text="\n".join(clean(line) for line in (_part(parsed, "plain") or "").split("\n")),
        html=html,
        source=message.decode("utf-8", "replace").replace("\r\n", "\n"),
    )


def inbox_page(letters: Sequence[Letter], *, total: int, title: str = DEMONSTRATION, lead: str = SOME_OF_EACH) -> str:
    """The page. `total`: how many messages the relay accepted, of which these are some."""
    environment = Environment(
        templates={"inbox": (resources.files("herold.demo") / "inbox.html").read_text("utf-8")},
        auto_escape_callback=lambda _: True,
    )
    body = environment.render_template(
        "inbox",
        letters=[_shown(number, letter) for number, letter in enumerate(letters, start=1)],
        lead=lead,
        total=f"{total:,}",
        count=len(letters),
        locales=_locales(letters),
        css=(resources.files("herold.demo") / "inbox.css").read_text("utf-8"),
    )
    return document(title, body)


def _shown(number: int, letter: Letter) -> dict[str, object]:
    name, _, address = letter.from_.rpartition("<")
    sender = name.strip(' "') or address.rstrip(">")
    return {
        "number": number,
        "letter": letter,
        "sender": sender,
        "face": next((char.upper() for char in letter.recipient if char.isalnum()), "?"),
        "language": _NAMES.get((letter.locale or "").partition("-")[0], letter.locale or "–"),
        "lang": letter.locale or "",
        "snippet": " ".join(letter.text.split())[:140],
        "size": f"{len(letter.source.encode()) / 1024:.1f} KB",
    }


def _locales(letters: Iterable[Letter]) -> list[str]:
    return sorted({letter.locale for letter in letters if letter.locale})


def _spread(messages: list[tuple[str, bytes]], count: int) -> list[tuple[str, bytes]]:
    if len(messages) <= count:
        return messages
    return [messages[index * len(messages) // count] for index in range(count)]


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    content = part.get_content()
    return content.replace("\r\n", "\n") if isinstance(content, str) else None


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def main(argv: list[str] | None = None) -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(prog="herold.demo.inbox", description="The newest messages of a sink as one page.")
    parser.add_argument("mailbox", type=Path, help="the sink's --mailbox, kept with --mailbox-newest")
    parser.add_argument("log", type=Path, help="the sink's --log")
    arguments = parser.parse_args(argv)
    try:
        with arguments.log.open("rb") as log:
            total = sum(1 for _ in log)
        letters = read_newest(arguments.mailbox)
    except OSError as error:
        parser.exit(2, f"herold.demo.inbox: {error}\n")
    sys.stdout.write(inbox_page(letters, total=total, title="Inbox of the relay", lead=NEWEST_FIRST))
    return 0


if __name__ == "__main__":
    sys.exit(main())
