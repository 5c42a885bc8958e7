"""Samples: messages by the real composer, read back as a mail client reads them, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import escape, unescape
from html.parser import HTMLParser

from herold.message.compose import CannotRender, Composer, Recipient
from herold.message.personas import personas
from herold.message.values import clean
from herold.message.warnings import CLIP
from herold.planning.plan import Kind, Sample, Violation
from herold.resources.resolved import ResolvedCampaign

_PREVIEW = 140  # characters that clients show after the subject
_SILENT = ("head", "style", "script", "title")


def sample_composer(resolved: ResolvedCampaign, now: datetime) -> Composer:
    """Composes samples. Their links don't work: they would unsubscribe whoever got a true delivery."""
    return Composer(resolved, run_id=1, key=b"samples are signed by nobody", clock=now.timestamp)


def made_up_samples(resolved: ResolvedCampaign, composer: Composer) -> tuple[Sample, ...]:
    """Three for each locale of the template: about somebody well known, hardly known, and hostile."""
    needed = composer.template.missing_defaults
    kinds: dict[str, Kind] = {"Rich": "Rich", "Bare": "Bare", "Hostile": "Hostile"}
    return tuple(
        sample(composer, locale, kinds[persona.kind], persona.recipient)
        for locale in composer.template.locales
        for persona in personas(resolved.schema, locale, needed=needed)
    )


def sample(composer: Composer, locale: str, kind: Kind, recipient: Recipient) -> Sample:
    """The message for one recipient."""
    try:
        composed = composer.compose(recipient)
    except CannotRender as error:
        return Sample(locale, kind, "", "", "", "", None, 0, error.message)
    message = message_from_bytes(composed.head + b"\r\n" + composed.body, policy=default)
    text, html = _part(message, "plain") or "", _part(message, "html")
    return Sample(
        locale,
        kind,
        clean(str(message["From"])),
        clean(str(message["Subject"])),
        _preview(html) if html else " ".join(clean(text).split())[:_PREVIEW],
        "\n".join(clean(line) for line in text.split("\n")),
        html,
        len(html.encode()) if html else 0,
    )


def sample_violations(
    resolved: ResolvedCampaign, composer: Composer, samples: Iterable[Sample]
) -> tuple[Violation, ...]:
    """What the samples show: too large, no way to unsubscribe, nobody's address, or not to be made at all."""
    found: list[Violation] = []
    rich = [each for each in samples if each.kind == "Rich"]
    whole = [each for each in rich if each.trouble is None]
    for each in samples:
        if each.trouble is not None and each.kind in ("Rich", "Bare"):
            who = "a made-up person with every attribute" if each.kind == "Rich" else "somebody hardly known"
            found.append(
                Violation(
                    "error" if each.kind == "Rich" else "warning",
                    "CannotRender",
                    f"For {who}, {each.trouble}.",
                    "Mend the template, or write a default for what is missing.",
                )
            )
    large = [f"{each.locale} has {each.size // 1024} KB" for each in whole if each.size > CLIP]
    if large:
        found.append(
            Violation(
                "warning",
                "LargeMessage",
                f"Gmail cuts HTML after {CLIP // 1024} KB and hides the rest behind a link: {', '.join(large)}.",
                "Shorten the message, or take out repeated styles.",
            )
        )
    if resolved.campaign.spec.message_class == "Marketing":
        found += _marketing(resolved, composer, whole)
    return tuple(found)


def _marketing(resolved: ResolvedCampaign, composer: Composer, samples: list[Sample]) -> Iterable[Violation]:
    # The Rich persona stands first (position 0) in each locale.
    link = composer.unsubscribe_url(0)
    without = _parts_without(samples, link, escape(link))
    if without:
        yield Violation(
            "warning",
            "NoUnsubscribeLink",
            f"There is no unsubscribe_url in {', '.join(without)}; laws want it where people can see it.",
            "Insert {{ unsubscribe_url }} into every part of every locale.",
        )
    postal = " ".join(clean(resolved.sender.spec.postal_address).split())
    if not postal:
        yield Violation(
            "warning",
            "NoPostalAddress",
            "The sender has no postal address; many laws want one in every marketing mail.",
            "Write postalAddress in the SenderProfile, and {{ sender.postal_address }} in the template.",
        )
        return
    without = _parts_without(samples, postal, postal)
    if without:
        yield Violation(
            "warning",
            "NoPostalAddress",
            f"The sender's postal address is missing in {', '.join(without)}.",
            "Insert {{ sender.postal_address }} into every part of every locale.",
        )


def _parts_without(samples: list[Sample], in_text: str, in_html: str) -> list[str]:
    found = []
    for each in samples:
        if in_text not in " ".join(each.text.split()):
            found.append(f"the text in {each.locale}")
        if each.html is not None:
            page = " ".join(each.html.split())
            if in_html not in page and in_html not in " ".join(unescape(page).split()):
                found.append(f"the HTML in {each.locale}")
    return found


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


class _Words(HTMLParser):
    """What can be read in a page, hidden preheaders included: that is what clients show after the subject."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in _SILENT))

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.words.append(data.strip())


def _preview(html: str) -> str:
    parser = _Words()
    parser.feed(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))
    parser.close()
    return " ".join(clean(" ".join(parser.words)).split())[:_PREVIEW]
