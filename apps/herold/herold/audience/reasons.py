"""Why somebody whom a campaign's segments name does not get it."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """In order of precedence: the first that applies is the one that is told."""

    EXCLUDED = "Excluded"
    NO_ADDRESS = "NoAddress"
    OUTSIDE_ALLOW_LIST = "OutsideAllowList"
    SUPPRESSED = "Suppressed"
    NO_CONSENT = "NoConsent"
    DUPLICATE_ADDRESS = "DuplicateAddress"

    @property
    def sentence(self) -> str:
        """One plain sentence for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.EXCLUDED: "The person is in a segment that the campaign excludes.",
    Reason.NO_ADDRESS: "No address of the person is known for this channel.",
    Reason.OUTSIDE_ALLOW_LIST: "The sender may reach reserved domains and those on its allow-list only.",
    Reason.SUPPRESSED: "The address is suppressed: it bounced, or its owner asked never to be written to.",
    Reason.NO_CONSENT: "The person has not agreed to this topic of this brand.",
    Reason.DUPLICATE_ADDRESS: "Another person in the audience has the same address and gets the message there.",
}
