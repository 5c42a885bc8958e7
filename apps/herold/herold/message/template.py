"""Templates, compiled once and rendered for each recipient: one renderer (minijinja), strict, with fuel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from minijinja import Environment, TemplateError, safe

from herold.errors import HeroldError, InvalidInput, Mistake
from herold.message.links import NotALink, is_link, link, link_part
from herold.message.mime import TextEncoder, folded
from herold.message.source import CompiledSource, TemplateMistake, read_template
from herold.message.values import Names, chosen, clean, typed
from herold.resources.contact_schema import ContactSchema
from herold.resources.resolved import PROOF, ResolvedCampaign
from herold.resources.template import MessageTemplate

FUEL = 100_000  # steps of the renderer; a message takes some hundreds
PROOF_MARK = "[Proof] "  # before the subject
MAX_SUBJECT = 998  # characters
MAX_PART = 2_000_000  # characters of a part; relays take messages of 10 MB and more
_SUBJECT, _TEXT, _HTML = "subject", "text", "html"


class CannotRender(HeroldError):
    """One recipient's message can't be made; the others are not concerned. Its text holds nothing about people."""

    def __init__(self, why: str, locale: str, part: str) -> None:
        super().__init__(f"the {part} in {locale} can't be rendered: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Constants:
    """What all recipients of a run read alike."""

    variables: Mapping[str, str]
    sender_name: str
    sender_address: str
    postal_address: str
    campaign_name: str
    mark: str = ""  # before the subject

    @classmethod
    def of(cls, resolved: ResolvedCampaign) -> Constants:
        """From a campaign and its sender; defaults of variables filled in."""
        sender = resolved.sender.spec
        given = resolved.campaign.spec.message.variables
        variables = {
            variable.name: clean(given.get(variable.name, variable.default or ""))
            for variable in resolved.template.spec.variables
        }
        return cls(
            variables,
            clean(sender.from_.name),
            sender.from_.address,
            clean(sender.postal_address),
            # A proof reads as the campaign will.
            resolved.campaign.metadata.name.removesuffix(PROOF),
            PROOF_MARK if resolved.campaign.spec.mode == "Proof" else "",
        )


class Rendered(NamedTuple):
    """`text` and `html` have lines that end in CRLF, the last one too. `subject` is one line."""

    subject: str
    text: str
    html: str | None


class CompiledContent:
    """One locale of a template."""

    def __init__(self, locale: str, source: CompiledSource, constants: Constants, names: Names) -> None:
        self.locale = locale
        self.has_html = source.html is not None
        self.references = source.references
        self._names = names
        self._environment = environment = _environment(locale, constants)
        parts = {_SUBJECT: constants.mark + source.subject, _TEXT: source.text, _HTML: source.html}
        for part, text in parts.items():
            if text is not None:
                environment.add_template(part, text)
        self._still: dict[str, str] = {}
        for part, text in parts.items():
            if text is not None and part not in source.moving:
                self._still[part] = self._part(part, {}, "")
        still = self._still.get(_SUBJECT)
        self.text_encoder = TextEncoder(line for line in source.text.split("\r\n") if "{" not in line)
        self.folded_subject = None if still is None else folded(still, len("Subject: "))

    def render(self, attributes: Mapping[str, object], unsubscribe_url: str) -> Rendered:
        """For one recipient. Raises CannotRender."""
        values = chosen(attributes, self._names) if self._names else {}
        page = None
        if self.has_html:
            page = self._still.get(_HTML) or self._part(_HTML, values, unsubscribe_url)
        return Rendered(
            self._still.get(_SUBJECT) or self._part(_SUBJECT, values, unsubscribe_url),
            self._still.get(_TEXT) or self._part(_TEXT, values, unsubscribe_url),
            page,
        )

    def evaluate(self, source: str, attributes: Mapping[str, object]) -> str | None:
        """Another source of the same language, for one recipient; None where it can't be rendered for them."""
        try:
            return self._environment.render_str(source, contact=chosen(attributes, self._names), unsubscribe_url="")
        except (TemplateError, ValueError, OverflowError):
            return None

    def _part(self, part: str, values: Mapping[str, object], unsubscribe_url: str) -> str:
        # A link of our own (scalars.URL_PATTERN) needs its `&` escaped; the renderer would escape each `/` too.
        url = safe(unsubscribe_url.replace("&", "&amp;")) if part == _HTML else unsubscribe_url
        try:
            text = self._environment.render_template(part, contact=values, unsubscribe_url=url)
        except NotALink:
            raise CannotRender("what begins a link is no https, http or mailto address", self.locale, part) from None
        except (TemplateError, ValueError, OverflowError) as error:
            raise CannotRender(self._why(error, values), self.locale, part) from None
        if part == _SUBJECT:
            text = " ".join(text.split())
        elif not text.endswith("\r\n"):
            text += "\r\n"  # the renderer drops the line break after a statement, the last one too
        if len(text) > (MAX_SUBJECT if part == _SUBJECT else MAX_PART):
            raise CannotRender("it is too long", self.locale, part)
        return text

    def _why(self, error: Exception, values: Mapping[str, object]) -> str:
        # The renderer's own words may quote a value, so only its kind of trouble is told.
        kind = error.kind if isinstance(error, TemplateError) else ""
        if kind == "OutOfFuel":
            return "it takes more steps than a message may"
        missing = [name for name, _ in self._names if name not in values]
        if kind == "UndefinedError" and missing:
            return f"there is no {' or '.join(missing)}, and attributeDefaults has none"
        return f"the renderer says {kind or type(error).__name__}"


class CompiledTemplate:
    """All locales of a template, ready to render."""

    def __init__(self, template: MessageTemplate, schema: ContactSchema, constants: Constants) -> None:
        """Raises InvalidInput with every mistake."""
        sources, found = read_template(template, schema)
        mistakes = [_located(template, mistake) for mistake in found]
        for name in sorted(set().union(*(source.links for source in sources.values()))):
            if not is_link(constants.variables.get(name, "")):
                mistakes.append(
                    Mistake(
                        f"Campaign {constants.campaign_name}",
                        0,
                        0,
                        f"spec.message.variables.{name}",
                        f"{name} begins a link in the template, and its value is no https, http or mailto address",
                        "write the whole address, like https://www.shop.example/sale",
                    )
                )
        if mistakes:
            raise InvalidInput(mistakes, what="message")
        spec = template.spec
        inserted = sorted(set().union(*(source.attributes for source in sources.values())))
        types = {attribute.name: attribute.type for attribute in schema.spec.attributes}
        defaults = {each.name: typed(clean(each.default), types[each.name]) for each in spec.attribute_defaults}
        self.attributes: tuple[str, ...] = tuple(inserted)
        self.missing_defaults: tuple[str, ...] = tuple(name for name in inserted if name not in defaults)
        self._contents = {
            locale: CompiledContent(
                locale, source, constants, tuple((name, defaults.get(name)) for name in sorted(source.attributes))
            )
            for locale, source in sources.items()
        }
        self._default = self._contents[spec.default_locale]

    @property
    def locales(self) -> tuple[str, ...]:
        """In the order of the template."""
        return tuple(self._contents)

    def content(self, locale: str | None) -> CompiledContent:
        """For people of `locale`: that one, else its language, else the default locale."""
        if locale is None:
            return self._default
        found = self._contents.get(locale)
        if found is None:
            language, _, country = locale.replace("_", "-").partition("-")
            language = language.lower()
            found = self._contents.get(f"{language}-{country.upper()}") or self._contents.get(language)
        return found or self._default


def variable_mistakes(variables: Mapping[str, str], template: MessageTemplate) -> list[TemplateMistake]:
    """What is wrong with the variables that a campaign gives (paths from the campaign's root)."""
    declared = {variable.name: variable.default for variable in template.spec.variables}
    path = ("spec", "message", "variables")
    mistakes = [
        TemplateMistake((*path, name), f"the template has no variable {name}", _near(name, declared))
        for name in variables
        if name not in declared
    ]
    mistakes += [
        TemplateMistake(path, f"the template's variable {name} has no value and no default", f"write {name}: …")
        for name, default in declared.items()
        if default is None and name not in variables
    ]
    return mistakes


def _near(name: str, known: Iterable[str]) -> str:
    return f"it has: {', '.join(known)}" if known else "it has none: remove it"


def _located(template: MessageTemplate, mistake: TemplateMistake) -> Mistake:
    where = f"MessageTemplate {template.metadata.namespace}/{template.metadata.name}"
    return Mistake(where, 0, 0, mistake.dotted, mistake.message, mistake.fix)


def _environment(locale: str, constants: Constants) -> Environment:
    environment = Environment(
        debug=False,
        fuel=FUEL,
        undefined_behavior="strict",
        auto_escape_callback=lambda name: name == _HTML,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        pycompat=False,
        # CSS may hold `{#`; comments are not part of the language.
        comment_start_string="{##herold##",
        comment_end_string="##herold##}",
        filters={"herold_link": link, "herold_part": link_part},
        globals={
            "vars": dict(constants.variables),
            "sender": {
                "name": constants.sender_name,
                "address": constants.sender_address,
                "postal_address": constants.postal_address,
            },
            "campaign": {"name": constants.campaign_name},
            "locale": locale,
        },
    )
    for name in ("cycler", "debug", "dict", "joiner", "namespace"):
        environment.remove_global(name)
    return environment
