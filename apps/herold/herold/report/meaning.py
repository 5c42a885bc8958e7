"""Codes and reasons in plain words. Codes: RFC 3463, RFC 5321 section 4.2.3, RFC 5248."""

from __future__ import annotations

_REASONS = {
    "Suppressed": "The address was suppressed after the audience was frozen.",
    "ConsentWithdrawn": "The person withdrew their consent after the audience was frozen.",
    "Erased": "The person was erased after the audience was frozen.",
    "AddressChanged": "The person's address changed after the audience was frozen.",
    "Stopped": "The run was stopped before their turn.",
    "StartMissed": "The run missed its starting deadline.",
    "Expired": "It expired before their turn.",
    "NotReachedInTime": "It became certain that it did not go out, when the run was over already.",
    "OutsideAllowList": "The sender may reach reserved domains and those on its allow-list only.",
    "CannotRender": "The message could not be made for this person.",
    "TooManyAttempts": "Their server put it off at every try.",
    "UncertainSentAgain": "Nobody knew whether it had gone out; transactional mail is then sent again.",
    "TakenOver": "Its worker died after the message had left and before the answer was read.",
    "FromEvidence": "Its worker died after the answer; the worker's own evidence says that it was accepted.",
}
_ENHANCED = {
    "1.1": "The mailbox does not exist.",
    "1.2": "The domain does not exist.",
    "1.10": "The domain accepts no mail.",
    "2.1": "The mailbox is disabled.",
    "2.2": "The mailbox is full.",
    "2.3": "The message is too long for the mailbox.",
    "3.4": "The message is too large for their server.",
    "7.1": "Their server does not accept this sender.",
    "7.26": "Authentication of the sender failed.",
    "7.28": "Their server says that it gets too much mail from this sender.",
}
_CODES = {
    421: "Their server was closing the connection.",
    450: "The mailbox was busy.",
    451: "Their server had trouble and asked to try later.",
    452: "Their server had no room and asked to try later.",
    550: "Their server refused the recipient.",
    551: "The mailbox is not on that server.",
    552: "The mailbox is full, or the message too large.",
    553: "Their server does not accept the address.",
    554: "Their server refused the message.",
}


def meaning(kind: str, code: int | None, enhanced: str | None, reason: str | None) -> str:
    """One plain sentence for what a server or the ledger said."""
    if reason in _REASONS:
        return _REASONS[reason]
    if enhanced is not None and (known := _ENHANCED.get(enhanced.partition(".")[2])):
        return known
    if code in _CODES:
        return _CODES[code]
    if kind == "uncertain":
        return "The message had left and no answer came."
    if code is None:
        return "No reason was recorded."
    return "Their server asked to try later." if code < 500 else "Their server refused it."


_ACTIONS = {
    "StartApproved": "let it start, by a second person's approval",
    "StartRun": "started it",
    "Suspend": "suspended it",
    "Resume": "resumed it",
    "Stop": "stopped it for good",
    "Hold Everything": "held everything",
    "Hold Team": "held the team",
    "Hold Sender": "held the sender",
    "Hold Campaign": "held the campaign",
    "Hold Domain": "held a domain",
    "Release Everything": "released the hold on everything",
    "Release Team": "released the team",
    "Release Sender": "released the sender",
    "Release Campaign": "released the campaign",
    "Release Domain": "released a domain",
}


def deed(action: str) -> str:
    """An action of the audit as the end of a sentence that begins with its actor."""
    return _ACTIONS.get(action, action)
