"""From a recipient to bytes: what readers read back is what the template says."""

from __future__ import annotations

from email import message_from_bytes, policy

from herold.message.compose import wire
from message.letters import composer, contents, declared, recipient


def test_a_text_template_reads_back() -> None:
    campaign = declared(
        contents=contents("Dear {{ contact.first_name }}, {{ vars.off }}% off.\n.\n", "Hello {{ contact.first_name }}"),
        variables=[{"name": "off"}],
        given={"off": "15"},
    )
    composed = composer(campaign).compose(recipient(first_name="Zoë"))
    message = message_from_bytes(composed.head + b"\r\n" + composed.body, policy=policy.default)
    assert message["Subject"] == "Hello Zoë"
    assert message["To"] == "ann@customers.example"
    assert message.get_content() == "Dear Zoë, 15% off.\r\n.\r\n"
    assert wire(composed).endswith(b"\r\n")
