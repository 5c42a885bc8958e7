"""A relay that quotes whoever it was asked to mail, and what the message says, in whatever it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from parts.scripted_relay import Talk, relay_in_thread

# To the n-th recipient: at RCPT, at the end of the text, or (None) a message that is taken.
AT_RCPT = (
    None,
    None,
    "550 5.1.1 <{address}>: {name} is unknown here",
    "451 4.2.0 {local} ({name}) is busy, ask again",
    None,
    "421 4.3.2 no more for {local}, closing",
    None,
    None,
    "garbage about {address} and {name}",
)
AT_TEXT = (
    "250 2.0.0 queued for {address}",
    "554 5.6.0 {subject} to {name} is spam",
    "",
    "",
    "452 4.2.2 {local} has no room for {subject}",
    "",
    "550-5.2.0 {name} does not want\r\n550 5.2.0 {subject}",
    "454 4.7.0 {name} gets too much",
    "",
)
# A reply that blames us for good: the lane pauses, and a person must act.
FOR_GOOD = "550 5.7.1 {address}: {name} has blocked you, {subject}"


class HostileRelay:
    """`seen` holds every text that it read."""

    def __init__(self, *, for_good: bool) -> None:
        self.port = 0
        self.seen: list[str] = []
        self._for_good = for_good
        self._count = 0

    async def talk(self, talk: Talk) -> None:
        """One connection, until it ends."""
        await talk.hello()
        address, turn = "", 0
        while True:
            line = await talk.line()
            verb = line.split(" ", 1)[0].split(":", 1)[0]
            if verb == "RCPT":
                address = line.removeprefix("RCPT TO:<").removesuffix(">")
                turn = self._count % len(AT_RCPT)
                self._count += 1
                answer = AT_RCPT[turn]
                talk.say(_filled(answer, address, "") if answer else "250 2.1.5 ok")
                if answer and answer.startswith("421"):
                    return
            elif verb == "DATA":
                talk.say("354 go on")
                text = (await talk.text()).decode("utf-8", "replace")
                self.seen.append(text)
                subject = next(each for each in text.splitlines() if each.startswith("Subject:"))
                talk.say(_filled(FOR_GOOD if self._for_good else AT_TEXT[turn], address, subject))
            elif verb == "QUIT":
                talk.say("221 bye")
                return
            else:
                talk.say("250 ok")


def _filled(answer: str, address: str, subject: str) -> str:
    local = address.partition("@")[0]
    return answer.format(address=address, local=local, name=f"Ms. {local.title()}", subject=subject)


@contextmanager
def hostile_relay(*, for_good: bool = False) -> Iterator[HostileRelay]:
    """Serves in a thread until the block ends."""
    relay = HostileRelay(for_good=for_good)
    with relay_in_thread(relay.talk) as relay.port:
        yield relay
