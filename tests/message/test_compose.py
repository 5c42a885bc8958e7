"""From a recipient to bytes: what two readers that share no code read back is what the template says."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herold.errors import InvalidInput
from herold.message.compose import CannotRender, Composed, wire
from herold.message.identity import parse_token, parse_verp
from message.letters import KEY, composer, contents, declared, recipient
from message.reader import check_wire, read, unstuffed, words

MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Dear {{ contact.first_name }} of {{ contact.city }}</mj-text>
<mj-button href="https://shop.example/o?who={{ contact.note }}">Offers</mj-button>
<mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def whole(composed: Composed) -> bytes:
    return composed.head + b"\r\n" + composed.body


def by_stdlib(message: bytes) -> EmailMessage:
    parsed = message_from_bytes(message, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def test_a_text_message_reads_back() -> None:
    campaign = declared(
        contents=contents("Dear {{ contact.first_name }}, {{ vars.off }}% off.\n.\n", "Hello {{ contact.first_name }}"),
        variables=[{"name": "off"}],
        given={"off": "15"},
    )
    message = whole(composer(campaign).compose(recipient(first_name="Zoë")))
    for subject, text in (
        (by_stdlib(message)["Subject"], by_stdlib(message).get_content()),
        (words(read(message).field("Subject")), read(message).text),
    ):
        assert subject == "Hello Zoë"
        assert text == "Dear Zoë, 15% off.\r\n.\r\n"


def test_the_header_says_who_writes_to_whom_and_how_to_leave() -> None:
    campaign = declared(
        sender={
            "from": {"address": "news@shop.example", "name": 'Żabka "Shop", Inc.'},
            "replyTo": {"address": "help@shop.example", "name": "Help, please"},
        }
    )
    composed = composer(campaign, run_id=12).compose(recipient(position=345))
    message = whole(composed)
    fields = read(message)
    assert words(fields.field("From")) == 'Żabka "Shop", Inc. <news@shop.example>'
    assert fields.field("Reply-To") == '"Help, please" <help@shop.example>'
    assert fields.field("To") == "ann@customers.example"
    assert fields.field("Date") == "Tue, 01 Dec 2026 11:00:00 +0000"
    assert fields.field("Feedback-ID") == "hello-1:campaigns-shop:marketing:shop"
    assert fields.field("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    link = fields.field("List-Unsubscribe")
    assert link.startswith("<https://shop.example/u/")
    assert parse_token(KEY, link[1:-1].rpartition("/")[2]) == (12, 345)
    assert parse_verp(KEY, composed.mail_from.decode()) == (12, 345)
    assert composed.mail_from.endswith(b"@bounces.shop.example")
    assert composed.rcpt_to == b"ann@customers.example"
    assert len(set(fields.names())) == len(fields.names())
    stdlib = by_stdlib(message)
    sender = stdlib["From"].addresses[0]
    assert (sender.display_name, sender.addr_spec) == ('Żabka "Shop", Inc.', "news@shop.example")
    assert stdlib["Message-ID"] == fields.field("Message-ID")


def test_transactional_mail_offers_no_unsubscribing() -> None:
    campaign = declared(campaign={"messageClass": "Transactional"})
    names = read(whole(composer(campaign).compose(recipient()))).names()
    assert "List-Unsubscribe" not in names
    assert "List-Unsubscribe-Post" not in names


def test_a_crash_changes_no_byte_of_a_message() -> None:
    campaign = declared(contents=contents(mjml=MJML), attributeDefaults=DEFAULTS)
    again = declared(contents=contents(mjml=MJML), attributeDefaults=DEFAULTS)
    assert composer(campaign).compose(recipient(position=3)) == composer(again).compose(recipient(position=3))


def test_two_deliveries_share_neither_id_nor_token_nor_boundary() -> None:
    write = composer(declared(contents=contents(mjml=MJML), attributeDefaults=DEFAULTS)).compose
    one, two = read(whole(write(recipient(position=1)))), read(whole(write(recipient(position=2))))
    for field in ("Message-ID", "List-Unsubscribe", "Content-Type"):
        assert one.field(field) != two.field(field)


def test_no_id_names_the_contact_or_the_address() -> None:
    composed = composer(declared()).compose(recipient())
    ids = composed.mail_from + read(whole(composed)).field("Message-ID").encode()
    assert b"4711" not in ids
    assert b"ann" not in ids


DEFAULTS = [{"name": name, "default": "-"} for name in ("first_name", "city", "note")]
THREE = [
    *contents("Hello {{ contact.first_name }}\n", "In English", "en", mjml=MJML),
    *contents("Cześć {{ contact.first_name }}\n", "Po polsku: {{ contact.first_name }}", "pl", mjml=MJML),
    *contents("Servus {{ contact.first_name }}\n", "Österreichisch", "de-AT"),
]


@pytest.mark.parametrize(
    ("asked", "subject"),
    [
        (None, "In English"),
        ("en", "In English"),
        ("en-GB", "In English"),
        ("pl", "Po polsku: Ann"),
        ("pl-PL", "Po polsku: Ann"),
        ("pl_PL", "Po polsku: Ann"),
        ("de-AT", "Österreichisch"),
        ("de-at", "Österreichisch"),
        ("de", "In English"),
        ("xx\r\nBcc: x", "In English"),
        ("", "In English"),
    ],
)
def test_a_locale_falls_back_to_its_language_then_to_the_default(asked: str | None, subject: str) -> None:
    campaign = declared(contents=THREE, attributeDefaults=DEFAULTS)
    message = whole(composer(campaign).compose(recipient(asked, first_name="Ann")))
    assert words(read(message).field("Subject")) == subject
    assert by_stdlib(message)["Subject"] == subject


def test_html_goes_out_in_ascii_and_reads_back_as_written() -> None:
    campaign = declared(contents=contents("Łódź\n", mjml=MJML))
    message = whole(composer(campaign).compose(recipient(first_name="Ann", city="Łódź 🎉", note="a&b/ć")))
    plain, page = read(message).parts
    assert plain.text == "Łódź\r\n"
    assert page.text.isascii()
    assert "Dear Ann of &#321;&#243;d&#378; &#127881;" in page.text
    assert 'href="https://shop.example/o?who=a%26b%2F%C4%87"' in page.text
    stdlib = by_stdlib(message)
    bodies = [stdlib.get_body((kind,)) for kind in ("plain", "html")]
    assert [body.get_content() for body in bodies if body] == [plain.text, page.text]


# Anything that JSON can hold.
ANY_TEXT = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "\r\n.\r\nMAIL FROM:<x@y.example>",
        "\n.\n",
        "a\r\nBcc: x@y.example",
        "\x00",
        "\u2028x",
        "x" * 3_000,
        ".",
        "..",
        "=?",
        "--=_",
        "\ud800",
        " ",
        "é" * 500,
        "=" * 200,
        "a b  c ",
        "\u202eabc",
        "From x",
        "{{ x }}{% if %}",
    ]
)
ATTRIBUTES = st.fixed_dictionaries(
    {}, optional={"first_name": ANY_TEXT, "city": ANY_TEXT, "note": ANY_TEXT | st.integers() | st.none()}
)
LETTERS = composer(
    declared(
        contents=contents(
            "{{ contact.first_name }}\n.{{ contact.city }}\n{{ contact.note }}", "{{ contact.first_name }}", mjml=MJML
        ),
        attributeDefaults=DEFAULTS,
    )
)
NOTES = composer(
    declared(
        contents=contents("{{ contact.city }}\n\n{{ contact.note }} ", "{{ contact.city }}: {{ contact.note }}"),
        attributeDefaults=DEFAULTS,
    )
)


@settings(max_examples=300, deadline=None)
@given(ATTRIBUTES, st.sampled_from([LETTERS, NOTES]))
def test_no_attribute_changes_the_frame_of_a_message(attributes: dict[str, object], letters: object) -> None:
    write = LETTERS if letters is LETTERS else NOTES
    try:
        composed = write.compose(recipient(None, 5, **attributes))
    except CannotRender:
        assert any(len(str(value)) > 300 for value in attributes.values())
        return
    sent = wire(composed)
    check_wire(sent)
    message = unstuffed(sent)
    assert message == whole(composed)
    usual = read(whole(write.compose(recipient(None, 5))))
    mine = read(message)
    assert mine.names() == usual.names()
    assert [part.names() for part in mine.parts] == [part.names() for part in usual.parts]
    rendered = write.template.content(None).render(attributes, write.unsubscribe_url(5))
    stdlib = by_stdlib(message)
    assert words(mine.field("Subject")) == rendered.subject
    # The standard library drops a blank between an encoded word and nothing; neither reader may see another line.
    assert stdlib["Subject"] == rendered.subject
    plain = stdlib.get_body(("plain",))
    assert plain is not None
    if rendered.html is None:
        assert mine.text == plain.get_content() == rendered.text
    else:
        ascii_html = rendered.html.encode("ascii", "xmlcharrefreplace").decode()
        page = stdlib.get_body(("html",))
        assert page is not None
        assert mine.parts[0].text == plain.get_content() == rendered.text
        assert mine.parts[1].text == page.get_content() == ascii_html


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t"), min_size=1, max_size=400))
def test_any_text_that_a_template_holds_is_sent_as_it_is(text: str) -> None:
    if "{{" in text or "{%" in text:
        return
    composed = composer(declared(contents=contents(text))).compose(recipient())
    check_wire(wire(composed))
    expected = text.rstrip("\n").replace("\n", "\r\n") + "\r\n"
    assert read(whole(composed)).text == expected
    assert by_stdlib(whole(composed)).get_content() == expected


def test_a_missing_value_without_default_concerns_that_recipient_alone() -> None:
    write = composer(declared(contents=contents("Dear {{ contact.first_name }}"))).compose
    with pytest.raises(CannotRender, match="there is no first_name, and attributeDefaults has none"):
        write(recipient(city="Secret"))
    assert write(recipient(first_name="Ann")).body == b"Dear Ann\r\n"


def test_what_can_not_be_rendered_quotes_nobody() -> None:
    write = composer(declared(contents=contents("{{ contact.first_name - 1 }}{{ contact.city|int }}"))).compose
    with pytest.raises(CannotRender) as caught:
        write(recipient(first_name="Canary", city="Canary"))
    assert "Canary" not in str(caught.value)


def test_an_endless_template_runs_out_of_fuel() -> None:
    loops = "{% for a in range(99999) %}" * 3 + "x" + "{% endfor %}" * 3
    write = composer(declared(contents=contents(loops + "{{ contact.first_name }}"))).compose
    with pytest.raises(CannotRender, match="more steps"):
        write(recipient(first_name="Ann"))


def test_a_message_that_grew_too_large_is_not_sent() -> None:
    write = composer(declared(contents=contents("{{ contact.note }}", "{{ contact.first_name }}"))).compose
    with pytest.raises(CannotRender, match="the text in en can't be rendered: it is too long"):
        write(recipient(first_name="Ann", note="x" * 2_000_001))
    with pytest.raises(CannotRender, match="the subject in en"):
        write(recipient(first_name="x" * 999, note=""))


def test_variables_that_the_template_lacks_or_misses_are_named_together() -> None:
    with pytest.raises(InvalidInput) as caught:
        composer(declared(variables=[{"name": "off"}], given={"of": "15"}))
    assert [mistake.message for mistake in caught.value.mistakes] == [
        "the template's variable off has no value and no default",
        "the template has no variable of",
    ]
