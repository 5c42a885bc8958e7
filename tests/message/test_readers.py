"""Readers of a proof: as few as see every branch of a template, and nobody real."""

from __future__ import annotations

import pytest

from herold.message.readers import Readers, choose_readers
from message.letters import composer, contents, declared


def chosen(text: str, *, most: int = 4, **spec: object) -> Readers:
    campaign = declared(contents=contents(text, **spec.pop("more", {})), **spec)  # type: ignore[arg-type]
    return choose_readers(campaign.template, campaign.schema, composer(campaign).template, "en", most=most)


def test_a_message_that_is_the_same_for_all_has_one_reader() -> None:
    found = chosen("Hello {{ contact.first_name }}\n")
    assert [each.words for each in found.chosen] == ["everything known"]
    assert (found.missed, found.branches) == (0, 0)


@pytest.mark.parametrize(
    "condition",
    [
        "contact.vip == true",
        "not contact.vip",
        "contact.city == 'Łódź'",
        "contact.city in ['Paris', 'Rome']",
        "contact.points > 5000",
        "contact.points <= 3",
        "contact.points == 7",
        "contact.city == 'Rome' and contact.points == 7",
        "contact.first_name is startingwith('Q')",
    ],
)
def test_both_sides_of_a_condition_are_seen(condition: str) -> None:
    found = chosen(f"{{% if {condition} %}}yes{{% endif %}}\n")
    assert (found.missed, found.branches) == (0, 2)
    assert len(found.chosen) == 2


def test_every_branch_of_every_part_is_seen() -> None:
    text = "{% if contact.points > 100 %}a{% elif contact.points > 10 %}b{% else %}c{% endif %}\n"
    mjml = "<mjml><mj-body><mj-raw>{% if contact.vip %}x{% else %}y{% endif %}</mj-raw></mj-body></mjml>"
    found = chosen(
        text, more={"mjml": mjml, "subject": "{% if contact.city == 'Rome' %}Ciao{% else %}Hello{% endif %}"}
    )
    assert (found.missed, found.branches) == (0, 7)


def test_what_does_not_fit_is_counted() -> None:
    cities = "".join(f"{{% if contact.city == 'c{index}' %}}{index}{{% endif %}}\n" for index in range(9))
    found = chosen(cities)
    assert len(found.chosen) == 4
    assert (found.missed, found.branches) == (6, 18)
    assert len({each.words for each in found.chosen}) == 4


def test_what_nobody_can_ever_see_is_counted_too() -> None:
    found = chosen("{% if 1 > 2 %}never{% endif %}\n")
    assert (len(found.chosen), found.missed, found.branches) == (1, 1, 2)


def test_each_reader_is_called_something_else() -> None:
    """By these words a proof is known again: two of one name would be one."""
    long = "x" * 80
    found = chosen(
        f"{{% if contact.city == '{long}a' %}}a{{% endif %}}{{% if contact.city == '{long}b' %}}b{{% endif %}}\n"
    )
    assert len({each.words for each in found.chosen}) == len(found.chosen)
