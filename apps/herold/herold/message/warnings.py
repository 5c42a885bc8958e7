"""What a campaign's author should know, and may still want."""

from __future__ import annotations

from html import escape

from herold.message.compose import CannotRender, Composer
from herold.message.personas import personas
from herold.resources.resolved import ResolvedCampaign

CLIP = 102 * 1024  # octets of HTML after which Gmail cuts, and hides the rest behind a link


def warnings(resolved: ResolvedCampaign) -> list[str]:
    """One line for each; empty when there is nothing to say. Raises InvalidInput as a Composer does."""
    composer = Composer(resolved, run_id=1, key=b"samples are signed by nobody")
    template = composer.template
    told: list[str] = []
    for locale in template.locales:
        content = template.content(locale)
        rich = personas(resolved.schema, locale)[0].recipient
        try:
            rendered = content.render(rich.attributes, composer.unsubscribe_url(rich.position))
        except CannotRender as error:
            told.append(f"{locale}: for a made-up person with every attribute, {error.message}")
            continue
        if rendered.html and (size := len(rendered.html.encode())) > CLIP:
            told.append(f"{locale}: the HTML has {size // 1024} KB; Gmail cuts messages after {CLIP // 1024} KB")
        if resolved.campaign.spec.message_class == "Marketing":
            link = composer.unsubscribe_url(rich.position)
            for part, text, shown in (("text", rendered.text, link), ("HTML", rendered.html, escape(link))):
                if text is not None and shown not in text:
                    told.append(f"{locale}: the {part} has no unsubscribe_url, which laws want where people can see it")
    return told
