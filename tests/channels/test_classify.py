from __future__ import annotations

import pytest

from herold.channels.classify import Step, classify
from herold.channels.outcome import Deferred, Rejected, RouteFault

NOBODY_THERE = [(550, b"5.1.1 no such user"), (550, b"5.1.2 no such domain"), (556, b"5.1.10 null MX")]


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA, Step.TEXT])
@pytest.mark.parametrize(("code", "text"), NOBODY_THERE)
def test_only_a_mailbox_that_does_not_exist_is_suppressed(step: Step, code: int, text: bytes) -> None:
    verdict = classify(step, code, text)
    assert isinstance(verdict, Rejected)
    assert verdict.suppress


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, b"no such user"),
        (550, b"5.2.1 disabled"),
        (552, b"5.2.2 mailbox full"),
        (553, b"5.1.3 bad syntax"),
        (551, b"5.1.6 moved"),
        (554, b"transaction failed"),
        (501, b"5.1.3 bad address"),
    ],
)
def test_other_refusals_of_a_recipient_do_not_suppress(code: int, text: bytes) -> None:
    verdict = classify(Step.RCPT, code, text)
    assert isinstance(verdict, Rejected)
    assert not verdict.suppress


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA, Step.TEXT])
@pytest.mark.parametrize(
    ("code", "text"),
    [(450, b"4.2.0 busy"), (451, b"4.3.0 try later"), (452, b"4.2.2 full"), (450, b"greylisted"), (452, b"")],
)
def test_a_recipients_own_4xx_is_deferred(step: Step, code: int, text: bytes) -> None:
    assert isinstance(classify(step, code, text), Deferred)


def test_greylisting_of_a_recipient_is_deferred_though_it_is_a_policy_code() -> None:
    assert isinstance(classify(Step.RCPT, 451, b"4.7.1 greylisted, try later"), Deferred)


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA, Step.TEXT])
@pytest.mark.parametrize(
    ("code", "text", "permanent"),
    [
        (421, b"4.7.0 closing", False),
        (421, b"", False),
        (454, b"Throttling failure: Maximum sending rate exceeded.", False),
        (535, b"5.7.8 credentials", True),
        (530, b"5.7.0 authentication required", True),
        (550, b"5.7.1 relaying denied", True),
        (550, b"5.7.515 not authenticated", True),
        (554, b"5.7.1 blocked", True),
        (451, b"4.7.500 server busy", False),
        (450, b"4.7.26 not authenticated", False),
        (550, b"5.4.5 daily quota exceeded", True),
        (550, b"5.1.8 bad outbound sender", True),
        (554, b"Message rejected: Email address is not verified.", True),
        (554, b"Access denied: not authorized", True),
        (554, b"Transaction failed: Duplicate header 'DKIM-Signature'.", True),
        (503, b"5.5.1 bad sequence", False),
    ],
)
def test_the_routes_faults_cost_no_recipient_an_attempt(step: Step, code: int, text: bytes, permanent: bool) -> None:
    verdict = classify(step, code, text)
    assert isinstance(verdict, RouteFault)
    assert verdict.code == code
    assert verdict.permanent is permanent


@pytest.mark.parametrize("step", [Step.GREETING, Step.EHLO, Step.STARTTLS, Step.AUTH, Step.MAIL])
@pytest.mark.parametrize(("code", "permanent"), [(450, False), (451, False), (550, True), (554, True), (553, True)])
def test_before_a_recipient_is_named_every_refusal_is_the_routes(step: Step, code: int, permanent: bool) -> None:
    verdict = classify(step, code, b"no")
    assert isinstance(verdict, RouteFault)
    assert verdict.permanent is permanent


@pytest.mark.parametrize(("code", "text"), [(552, b"too large"), (552, b"5.3.4 too large"), (550, b"5.3.4 too large")])
def test_a_message_too_large_is_refused_alone(code: int, text: bytes) -> None:
    assert isinstance(classify(Step.MAIL, code, text), Rejected)
    assert isinstance(classify(Step.TEXT, code, text), Rejected)


def test_a_line_too_long_after_the_text_is_the_messages_own_fault() -> None:
    assert isinstance(classify(Step.TEXT, 500, b"5.5.2 line too long"), Rejected)


@pytest.mark.parametrize("code", [220, 250, 334, 354])
def test_an_answer_out_of_step_is_the_routes(code: int) -> None:
    verdict = classify(Step.TEXT, code, b"what")
    assert isinstance(verdict, RouteFault)
    assert not verdict.permanent
