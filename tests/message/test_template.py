"""Templates: insertions only where they can be escaped, and a language that reaches nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herold.errors import InvalidInput
from herold.message.compose import CannotRender, wire
from herold.message.source import TemplateMistake, read_template, template_mistakes
from herold.message.warnings import warnings
from herold.resources.resolved import ResolvedCampaign
from message.letters import composer, contents, declared, recipient
from message.reader import check_wire


def page(inner: str, head: str = "") -> str:
    body = f"<mj-body><mj-section><mj-column>{inner}</mj-column></mj-section></mj-body>"
    return f"<mjml><mj-head>{head}</mj-head>{body}</mjml>"


def mistakes(campaign: ResolvedCampaign) -> list[TemplateMistake]:
    return template_mistakes(campaign.template, campaign.schema)


def in_mjml(mjml: str, **more: str) -> list[str]:
    return [mistake.message for mistake in mistakes(declared(contents=contents(mjml=mjml, **more)))]


def in_text(text: str) -> list[str]:
    return [mistake.message for mistake in mistakes(declared(contents=contents(text)))]


def html_of(mjml: str, locale: str = "en", **attributes: object) -> str:
    campaign = declared(contents=contents(mjml=mjml, locale=locale), defaultLocale=locale)
    rendered = composer(campaign).template.content(None).render(attributes, "https://shop.example/u/t?a=1&b=2")
    assert rendered.html is not None
    return rendered.html


class Seen(HTMLParser):
    """Tags with their attributes, and text outside styles, as a browser would have them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(attributes)) for tag, attributes in self.tags]


@pytest.mark.parametrize(
    ("inner", "where"),
    [
        ("<mj-raw><script>let a = '{{ contact.note }}'</script></mj-raw>", "a script element"),
        ("<mj-raw><SCRIPT>{{ contact.note }}</SCRIPT></mj-raw>", "a script element"),
        ("<mj-raw><style>a {content: '{{ contact.note }}'}</style></mj-raw>", "a style element"),
        ("<mj-raw><{{ contact.note }}>x</mj-raw>", "inserted"),
        ("<mj-raw><b{{ contact.note }}>x</b></mj-raw>", "the name of a tag"),
        ("<mj-raw><b {{ contact.note }}='x'>x</b></mj-raw>", "the name of an attribute"),
        ("<mj-raw><b title={{ contact.note }}>x</b></mj-raw>", "an attribute without quotes"),
        ("<mj-raw><a href=https://a.example/{{ contact.note }}>x</a></mj-raw>", "an attribute without quotes"),
        ("<mj-text><!-- {{ contact.note }} -->x</mj-text>", "a comment"),
        ("<mj-text><b style='color: {{ contact.note }}'>x</b></mj-text>", "the attribute style"),
        ("<mj-text><b onclick='a({{ contact.note }})'>x</b></mj-text>", "the attribute onclick"),
        ("<mj-text><img srcset='{{ contact.note }}'/></mj-text>", "the attribute srcset"),
        ("<mj-text width='{{ contact.note }}'>x</mj-text>", "width of <mj-text>"),
        ("<mj-image src='https://a.example/a.png' width='{{ vars.off }}'/>", "width of <mj-image>"),
        ("<mj-text css-class='{{ contact.note }}'>x</mj-text>", "css-class of <mj-text>"),
        ("<mj-text><a href='javascript:go({{ contact.note }})'>x</a></mj-text>", "a link without a scheme"),
        ("<mj-text><a href='{{ vars.off }}{{ contact.note }}'>x</a></mj-text>", "the host of a link"),
        ("<mj-text><a href='https://{{ contact.note }}/x'>x</a></mj-text>", "the host of a link"),
        ("<mj-text><a href='https://shop.example{{ contact.note }}'>x</a></mj-text>", "the host of a link"),
        ("<mj-text><a href='/x/{{ contact.note }}'>x</a></mj-text>", "a link without a scheme"),
        ("<mj-button href='java{{ contact.note }}'>x</mj-button>", "a link without a scheme"),
        ("<mj-text><a href='{% if contact.vip %}https://a.example{% endif %}'>x</a></mj-text>", "inside a tag"),
        ("<mj-text><a {% if contact.vip %}title='a'{% endif %}>x</a></mj-text>", "the name of an attribute"),
        ("<mj-text><a title='{{ contact.note }}", "an attribute without quotes"),
        ("<mj-text title='{{ contact.note }}'>x</mj-text>", "drops"),
        ("<mj-include path='{{ contact.note }}'/>", "<mj-include>"),
        ("<mj-include path='/etc/passwd'/>", "no <mj-include>"),
        ("<mj-txt>x</mj-txt>", "no <mj-txt>"),
        ("<mj-text>x", "can't be read"),
        ("<mj-text>{{ contact.note</mj-text>", "never closed"),
    ],
)
def test_what_can_not_be_escaped_is_refused(inner: str, where: str) -> None:
    campaign = declared(contents=contents(mjml=page(inner)), variables=[{"name": "off"}], given={"off": "x"})
    found = mistakes(campaign)
    if where == "inserted":  # `<` before a mark is text for a browser, and no MJML
        assert found
        return
    assert any(where in mistake.message for mistake in found), found
    assert found[0].path == ("spec", "contents", 0, "mjml")
    assert found[0].message.startswith("en, line 1: ")
    with pytest.raises(InvalidInput):
        composer(campaign)


@pytest.mark.parametrize(
    "head",
    [
        "<mj-style>.a { color: {{ contact.note }} }</mj-style>",
        "<mj-style inline='inline'>.a { color: {{ contact.note }} }</mj-style>",
        "<mj-font name='x' href='https://a.example/{{ contact.note }}'/>",
        "<mj-attributes><mj-all color='{{ contact.note }}'/></mj-attributes>",
        "<mj-breakpoint width='{{ contact.note }}'/>",
    ],
)
def test_what_mjml_reads_itself_is_refused(head: str) -> None:
    assert in_mjml(page("<mj-text>x</mj-text>", head))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("{% include 'a' %}", "{% include %}"),
        ("{% import 'a' as b %}", "{% import %}"),
        ("{% from 'a' import b %}", "{% from %}"),
        ("{% extends 'a' %}", "{% extends %}"),
        ("{% macro a() %}{% endmacro %}", "{% macro %}"),
        ("{% set a = contact %}", "{% set %}"),
        ("{% raw %}x{% endraw %}", "{% raw %}"),
        ("{% autoescape false %}x{% endautoescape %}", "{% autoescape %}"),
        ("{{ contact.first_name|safe }}", "safe is not a filter"),
        ("{{ contact.first_name|default('x') }}", "default is not a filter"),
        ("{{ contact.first_name|uper }}", "uper is not a filter"),
        ("{% if contact.vip is defined %}x{% endif %}", "defined is not a test"),
        ("{% if contact.vip is not none %}x{% endif %}", "none is not a test"),
        ("{{ contact.first_name.upper() }}", "upper(…)"),
        ("{{ contact.items() }}", "items(…)"),
        ("{{ debug() }}", "debug(…)"),
        ("{{ contact.first_name.__class__ }}", "__class__"),
        ("{{ contact.first_name.first }}", "nothing is called contact.first_name.first"),
        ("{{ contact['first_name'] }}", "a list may stand after `in` only"),
        ("{{ [1, 2] }}", "a list may stand after `in` only"),
        ("{{ 'x' * 1000000 }}", "'*'"),
        ("{{ {'a': 1} }}", "'{'"),
        ("{{ '\\x41' }}", "is not part of the template language"),
        ("{{ contact }}", "nothing is called contact"),
        ("{{ contact.frist_name }}", "nothing is called contact.frist_name"),
        ("{{ vars.off }}", "nothing is called vars.off"),
        ("{{ env.HOME }}", "nothing is called env.HOME"),
        ("{{ self }}", "nothing is called self"),
        ("{{ }}", "is empty"),
        ("{{ contact.first_name", "never closed"),
        ("{% if contact.vip %}x", "can't be read"),
        ("{% for a in b %}{% endfor %}", "nothing is called b"),
        ("{{ 1 + }}", "can't be read"),
        ("\x00", "U+0000"),
    ],
)
def test_what_the_language_does_not_have_is_refused(code: str, words: str) -> None:
    found = in_text(f"Hello\n{code}\n")
    assert any(words in message for message in found), found
    assert found[0].startswith("en, line ")


def test_a_near_miss_is_named() -> None:
    (mistake,) = mistakes(declared(contents=contents("a\nb {{ contact.frist_name }}")))
    assert mistake.message == "en, line 2: nothing is called contact.frist_name"
    assert mistake.fix == "write contact.first_name"
    (mistake,) = mistakes(declared(contents=contents("{% iff contact.vip %}")))
    assert mistake.fix == "write if"


def test_every_mistake_of_every_locale_is_told_at_once() -> None:
    campaign = declared(
        contents=[
            *contents("{{ a }}", "{{ b }}", "en"),
            *contents("{{ c }}", "fine", "pl", mjml=page("<mj-text>{{ d }}</mj-text>")),
        ],
        attributeDefaults=[{"name": "frist_name", "default": ""}],
    )
    assert [mistake.dotted for mistake in mistakes(campaign)] == [
        "spec.attributeDefaults[0].name",
        "spec.contents[0].subject",
        "spec.contents[0].text",
        "spec.contents[1].text",
        "spec.contents[1].mjml",
    ]
    with pytest.raises(InvalidInput) as caught:
        composer(campaign)
    assert len(caught.value.mistakes) == 5


def test_attributes_and_those_without_default_are_known() -> None:
    campaign = declared(
        contents=contents(
            "{% if contact.vip %}x{% endif %}",
            "{{ contact.first_name }}",
            mjml=page("<mj-text>{{ contact.city }}</mj-text>"),
        ),
        attributeDefaults=[{"name": "first_name", "default": "friend"}],
    )
    template = composer(campaign).template
    assert template.attributes == ("city", "first_name", "vip")
    assert template.missing_defaults == ("city", "vip")


def test_blocks_stand_around_rows_columns_and_sections() -> None:
    block = "{{% if contact.vip %}}{}{{% else %}}{}{{% endif %}}"
    rows = "<mj-table>" + block.format("<tr><td>one!</td></tr>", "<tr><td>two!</td></tr>") + "</mj-table>"
    columns = block.format("<mj-text>three!</mj-text>", "<mj-text>four!</mj-text>")
    words = "<mj-text>" + block.format("five!", "<b>six!</b>") + "</mj-text>"
    for head in ("", "<mj-style inline='inline'>td { color: red }</mj-style>"):
        for vip, shown in ((True, {"one!", "three!", "five!"}), (False, {"two!", "four!", "six!"})):
            seen = Seen(html_of(page(rows + columns + words, head), vip=vip)).text
            assert {word for word in ("one!", "two!", "three!", "four!", "five!", "six!") if word in seen} == shown


def test_loops_count() -> None:
    mjml = page("<mj-text>{% for n in range(contact.points) %}star {% endfor %}</mj-text>")
    assert html_of(mjml, points=4).count("star") == 4


MARKS = page(
    "<mj-text>Dear {{ contact.first_name }}<a href='https://shop.example/?who={{ contact.city }}&amp;a=1' "
    "title='{{ contact.note }}'>x</a><a href='mailto:help@shop.example?subject={{ contact.note }}'>y</a></mj-text>"
    "<mj-image src='https://shop.example/{{ contact.city }}/a.png' alt=\"{{ contact.note }}\"/>",
    "<mj-title>For {{ contact.first_name }}</mj-title><mj-preview>{{ contact.note }}</mj-preview>",
)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "--><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "&#x22; onclick=&#x22;",
    "{{ contact.first_name }}{% include 'x' %}",
    "../../admin?x=1#y",
    "a\r\nb\u2028c\u202e",
    "]]><![endif]-->",
]


@settings(max_examples=150, deadline=None)
@given(*[st.sampled_from(HOSTILE) | st.text(max_size=40)] * 3)
def test_no_attribute_changes_the_shape_of_a_page(first_name: str, city: str, note: str) -> None:
    usual = Seen(html_of_marks("Ann", "Leeds", "n"))
    mine = Seen(html_of_marks(first_name, city, note))
    assert mine.shape() == usual.shape()
    for (_, attributes), (_, plain) in zip(mine.tags, usual.tags, strict=True):
        for name, value in attributes.items():
            if name in ("href", "src") and value and plain[name]:
                host = (plain[name] or "").partition("?")[0].split("/a.png")[0].removesuffix("Leeds")
                assert value.startswith(host)
            elif name not in ("title", "alt", "aria-label"):
                assert value == plain[name]


NO_LINKS = [
    "javascript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "//evil.example",
    "shop.example",
    "",
    "vbscript:x",
    "https:evil.example",
    "https://",
    "https://@evil.example",
    "java\nscript:alert(1)",
    "file:///etc/passwd",
]
LETTERS = composer(declared(contents=contents(mjml=MARKS)))


def html_of_marks(first_name: str, city: str, note: str) -> str:
    attributes = {"first_name": first_name, "city": city, "note": note}
    return LETTERS.template.content(None).render(attributes, "https://shop.example/u").html or ""


@pytest.mark.parametrize(
    "link",
    NO_LINKS,
)
def test_a_link_that_an_attribute_begins_has_a_scheme_for_people(link: str) -> None:
    write = composer(
        declared(contents=contents(mjml=page("<mj-button href='{{ contact.link }}'>x</mj-button>")))
    ).compose
    with pytest.raises(CannotRender, match=r"the html in en .* no https, http or mailto address"):
        write(recipient(link=link))


def test_links_are_written_as_links() -> None:
    mjml = page(
        "<mj-button href='{{ contact.link }}'>a</mj-button>"
        "<mj-button href='{{ vars.base }}/p/{{ contact.note }}'>b</mj-button>"
        "<mj-text><a href='{{ unsubscribe_url }}'>c</a></mj-text>"
    )
    campaign = declared(contents=contents(mjml=mjml), variables=[{"name": "base", "default": "https://shop.example"}])
    content = composer(campaign).template.content(None)
    html = content.render({"link": 'HTTPS://a.example/ö?b="1"&c', "note": "x/y z"}, "https://u.example/?a=1&t=2").html
    links = [attributes["href"] for tag, attributes in Seen(html or "").tags if tag == "a"]
    assert links == [
        "HTTPS://a.example/%C3%B6?b=%221%22&c",
        "https://shop.example/p/x%2Fy%20z",
        "https://u.example/?a=1&t=2",
    ]


def test_the_preheader_is_the_first_text_of_the_body_and_hidden() -> None:
    campaign = declared(
        contents=contents(mjml=page("<mj-text>Body</mj-text>"), preheader="Sale <b> for {{ contact.city }}")
    )
    html = composer(campaign).template.content(None).render({"city": "<Łódź>"}, "").html or ""
    body = html[html.index("<body") :]
    assert Seen(body).text.strip().startswith("Sale <b> for <Łódź>")
    assert body.index("display:none") < body.index("Sale") < body.index("Body")


def test_two_preheaders_are_one_too_many() -> None:
    found = in_mjml(page("<mj-text>x</mj-text>", "<mj-preview>a</mj-preview>"), preheader="b")
    assert found == ["en, line 1: mj-preview is a preheader already"]


def test_a_page_names_its_language_and_loads_no_font() -> None:
    html = html_of(page("<mj-text>x</mj-text>"), "pl-PL")
    assert '<html lang="pl-PL"' in html
    assert "googleapis" not in html


def test_styles_may_hold_what_looks_like_a_comment() -> None:
    style = "<mj-style>@media print{#a{color:red}}</mj-style>"
    assert "@media print{#a{color:red}}" in html_of(page("<mj-text>x</mj-text>", style))


def test_text_is_not_escaped_and_blocks_leave_no_empty_lines() -> None:
    text = "A & B\n{% if contact.vip %}\nDear {{ contact.first_name }}\n{% endif %}\nbye"
    composed = composer(declared(contents=contents(text))).compose(recipient(first_name="<Ann>", vip=True))
    assert composed.body == b"A & B\r\nDear <Ann>\r\nbye\r\n"


def test_html_over_102_kb_is_warned_of() -> None:
    long = page("<mj-text>" + "x" * 110_000 + "<a href='{{ unsubscribe_url }}'>off</a></mj-text>")
    (warning,) = warnings(declared(contents=contents("{{ unsubscribe_url }}", mjml=long)))
    assert warning == "en: the HTML has 110 KB; Gmail cuts messages after 102 KB"


def test_marketing_without_a_way_out_is_warned_of() -> None:
    (warning,) = warnings(declared())
    assert "unsubscribe_url" in warning
    assert warnings(declared(campaign={"messageClass": "Transactional"})) == []


def test_a_variable_that_begins_a_link_is_checked_before_anything_is_sent() -> None:
    mjml = page("<mj-button href='{{ vars.target }}'>{{ contact.first_name }}</mj-button>")
    declaration = {"contents": contents(mjml=mjml), "variables": [{"name": "target"}]}
    assert composer(declared(**declaration, given={"target": "https://shop.example/sale"}))
    with pytest.raises(InvalidInput, match="target begins a link") as caught:
        composer(declared(**declaration, given={"target": "javascript:alert(1)"}))
    assert [mistake.path for mistake in caught.value.mistakes] == ["spec.message.variables.target"]


def test_defaults_compare_as_the_type_of_their_attribute() -> None:
    text = (
        "{% if contact.points > 3 %}many{% else %}few{% endif %} {% if contact.vip %}vip{% endif %}{{ contact.points }}"
    )
    defaults = [{"name": "points", "default": "12"}, {"name": "vip", "default": "false"}]
    letters = composer(declared(contents=contents(text), attributeDefaults=defaults))
    assert letters.compose(recipient()).body == b"many 12\r\n"
    assert letters.compose(recipient(points=1, vip=True)).body == b"few vip1\r\n"


def test_a_broken_source_outside_ascii_is_a_mistake_like_others(capfd: pytest.CaptureFixture[str]) -> None:
    (message,) = in_mjml(page("<mj-raw><table><br/>Łódź'><svg><img alt=\"</mj-raw>"))
    assert "the MJML can't be read" in message
    (message,) = in_mjml(page("<mj-raw><style>a { content: 'Łódź' }</style><table><br/>x'><svg><img alt=\"</mj-raw>"))
    assert "the MJML can't be read" in message
    assert capfd.readouterr().err == ""


FRAGMENTS = [
    *(
        "{{ contact.note }}",
        "{{ contact.city }}",
        "{% if contact.vip %}",
        "{% else %}",
        "{% endif %}",
        "{{",
        "}}",
        "{%",
    ),
    *(
        "<b>",
        "</b>",
        "<a href='",
        '<a href="',
        "<b title='",
        '<img alt="',
        "'>",
        '">',
        "'",
        '"',
        " ",
        "=",
        ">",
        "<",
        "/",
    ),
    *("<!--", "-->", "<!-->", "--!>", "<![endif]-->", "<!--[if mso]>", "<?", "<!x", "<script>", "</script>", "<style>"),
    *(
        "</style>",
        "<title>",
        "</title>",
        "<svg>",
        "<textarea>",
        "<br/>",
        "https://a.example/",
        "javascript:",
        "?a=",
        "x",
    ),
    *("&lt;", "&#39;", "\n", "<td>", "<table>", "</table>", "<mj-text>", "</mj-text>", "onload=", "style='", "Łódź"),
]


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=14), st.sampled_from(HOSTILE), st.sampled_from(HOSTILE)
)
def test_whatever_is_accepted_can_not_be_broken_by_a_value(fragments: list[str], note: str, city: str) -> None:
    campaign = declared(contents=contents(mjml=page(f"<mj-raw>{''.join(fragments)}</mj-raw>")))
    if mistakes(campaign):
        return
    content = composer(campaign).template.content(None)
    link = "https://c.example/c"
    usual = content.render({"note": link, "city": link, "vip": True}, "https://shop.example/u").html or ""
    try:
        mine = content.render({"note": note, "city": city, "vip": True}, "https://shop.example/u").html or ""
    except CannotRender:
        # A value that begins a link, and is none.
        assert "|herold_link" in (read_template(campaign.template, campaign.schema)[0]["en"].html or "")
        return
    assert Seen(mine).shape() == Seen(usual).shape()
    assert mine.count("<") == usual.count("<")
    assert mine.count('"') == usual.count('"')


def test_a_part_that_ends_with_a_statement_still_ends_its_last_line() -> None:
    """A relay, and our own guard before it, take no message whose last line has no end."""
    text = "Hello\n{% if contact.vip == true %}Thank you{% endif %}\n"
    letters = composer(declared(contents=contents(text, mjml=page(f"<mj-raw>{text}</mj-raw>"))))
    for vip in (True, False):
        check_wire(wire(letters.compose(recipient(vip=vip))))
        assert letters.template.content(None).render({"vip": vip}, "https://shop.example/u").text.endswith("\r\n")
