"""One window of messages on an open connection, as a state machine without a network: replies in, commands out.

How messages travel depends on the relay (RFC 2920) and on what is known of its manners:
- stepwise: each command waits for its answer; 4 round trips a message;
- grouped: MAIL, RCPT and DATA in one write, then the text; 2 round trips;
- chained: text and the next message's group in one write; 1 round trip. RFC 2920 section 3.1 lets DATA end a group and
  a message text begin one; not every host reads on after the final dot, so a connection begins grouped.

Every message gets exactly one outcome, whatever happens. RFC 1047 decides what a lost connection means: as soon as the
final dot was handed to the transport, nobody but the relay knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from herold.channels.classify import Step, classify, is_out_of_step
from herold.channels.envelope import Envelope, Extensions, group, mail_line, refusal
from herold.channels.outcome import NotSent, Outcome, RouteFault, Sent, Unknown
from herold.channels.replies import RawReply, scrub
from herold.channels.route import CHAINED, GROUPED, Manners

# Good messages on a connection before text and next group go in one write.
_PROVEN = 3
# A text longer than this is handed over piece by piece, as the transport takes it.
_PIECE = 64 * 1024
_GOOD_ROUND = [250, 250, 250, 354]

_RSET, _MAIL, _RCPT, _DATA, _TEXT, _EMPTY = range(6)
_STEPS = (Step.MAIL, Step.MAIL, Step.RCPT, Step.DATA, Step.TEXT, Step.DATA)


class Transfer:
    """See the module. `finished` turns True exactly once; then `fault` and `drop` are final."""

    __slots__ = (
        "_after", "_ahead", "_count", "_dot_given", "_envelopes", "_extensions", "_grouped", "_grouping", "_held",
        "_index", "_manners", "_offset", "_on_content", "_on_outcome", "_paused", "_settled", "_step", "_stopped",
        "_was_ahead", "_write", "dirty", "drop", "fault", "finished", "good",
    )  # fmt: skip

    def __init__(
        self,
        envelopes: Sequence[Envelope],
        extensions: Extensions,
        manners: Manners,
        transport: asyncio.WriteTransport,
        on_content: Callable[[int], bool],
        on_outcome: Callable[[int, Outcome], None],
        *,
        grouping: bool,
        good: int,
        dirty: bool,
    ) -> None:
        self._envelopes = envelopes
        self._count = len(envelopes)
        self._extensions = extensions
        self._manners = manners
        self._write = transport.write
        self._on_content = on_content
        self._on_outcome = on_outcome
        self._index = 0  # the message whose answers are awaited
        self._after = 0  # the one after it
        self._step = _MAIL
        self._grouping = grouping and extensions.pipelining
        self._grouped = False
        self._ahead = False  # the group of `_after` left already
        self._was_ahead = False  # the group of `_index` left together with the text before
        self._settled = True  # `_index` has its outcome
        self._dot_given = False
        self._offset = 0
        self._paused = False
        self._held: Callable[[], None] | None = None
        self._stopped = False
        self.good = good  # messages that this connection has taken, over all windows
        self.dirty = dirty  # the relay has a transaction open: RSET first
        self.finished = False
        self.fault: RouteFault | None = None
        self.drop = False  # the connection can't be used again

    def start(self) -> None:
        """Hand over the first command."""
        self._begin()

    def stop(self) -> None:
        """Begin no further text; ends at the next reply."""
        self._stopped = True

    def pause(self) -> None:
        """The transport is full."""
        self._paused = True

    def resume(self) -> None:
        """The transport takes more."""
        self._paused = False
        held, self._held = self._held, None
        if held is not None and not self.finished:
            held()

    def take(self, replies: list[RawReply]) -> None:
        """The next replies of the relay, as they came together."""
        if self._ahead and [code for code, _ in replies] == _GOOD_ROUND:
            # The same as below in one go: a text was taken, and the group that left with it too.
            self._answered(250, replies[0][1])
            if not self.finished:
                self._step = _DATA
                self._data(354, b"")
            return
        for code, text in replies:
            if self.finished:
                self.drop = True  # an answer that nobody asked for
                return
            self._reply(code, text)

    def _reply(self, code: int, text: bytes) -> None:
        step = self._step
        if step == _TEXT:
            self._answered(code, text)
        elif self._stopped:
            # What was grouped is unanswered still; a lone dot would send an empty message: only a close is harmless.
            outstanding = self._grouped and step not in (_DATA, _EMPTY)
            self.dirty = True
            self._end("stopped before its text", None, drop=outstanding or code == 354)
        elif code == 421:
            self._refuse(code, text)
        elif step == _MAIL:
            self._mail(code, text)
        elif step == _RCPT:
            self._rcpt(code, text)
        elif step == _DATA:
            self._data(code, text)
        elif step == _RSET:
            if code == 250:
                self._step = _MAIL
                self.dirty = False
            else:
                self._refuse(code, text)
        elif is_out_of_step(code) and code != 250:
            self._refuse(code, text)
        else:
            self._next(dirty=True)

    def lost(self, detail: str, *, stray: bool = False) -> None:
        """The connection is of no more use: closed, silent, or (`stray`) talking what is not SMTP."""
        if self._grouped and stray:
            self._manners.out_of_step()
        elif self._grouped and (self._step in (_RCPT, _DATA) or (self._step == _MAIL and self._was_ahead)):
            self._manners.suspect()
        self._end(detail, RouteFault(0, None, detail, permanent=False), drop=True)

    # -- what the relay answered

    def _mail(self, code: int, text: bytes) -> None:
        if 200 <= code < 300:
            self._step = _RCPT
            if not self._grouped:
                self._write(b"RCPT TO:<%b>\r\n" % self._envelopes[self._index].rcpt_to)
            return
        envelope = self._envelopes[self._index]
        verdict = classify(Step.MAIL, code, text, envelope.rcpt_to)
        if isinstance(verdict, RouteFault):
            self._refuse(code, text)
            return
        self._settle(verdict)
        self._step = _RCPT
        if not self._grouped:
            self._next(dirty=False)

    def _rcpt(self, code: int, text: bytes) -> None:
        self._step = _DATA
        if self._settled:  # MAIL was refused, and so must this be
            if is_out_of_step(code):
                self._refuse(code, text)
            return
        if 200 <= code < 300:
            if not self._grouped:
                self._write(b"DATA\r\n")
            return
        verdict = classify(Step.RCPT, code, text, self._envelopes[self._index].rcpt_to)
        if isinstance(verdict, RouteFault):
            self._step = _RCPT
            self._refuse(code, text)
            return
        self._settle(verdict)
        if not self._grouped:
            self._next(dirty=True)

    def _data(self, code: int, text: bytes) -> None:
        if code == 354:
            if self._settled:
                # RFC 2920 section 3.1: DATA was accepted without a recipient; a single dot ends it.
                self._step = _EMPTY
                self._write(b".\r\n")
            else:
                if self._was_ahead or self._manners.ceiling < CHAINED:
                    self._manners.prove()
                self._text()
            return
        if is_out_of_step(code):
            self._refuse(code, text)
            return
        if not self._settled:
            verdict = classify(Step.DATA, code, text, self._envelopes[self._index].rcpt_to)
            if isinstance(verdict, RouteFault):
                self._refuse(code, text)
                return
            self._settle(verdict)
        self._next(dirty=True)

    def _answered(self, code: int, text: bytes) -> None:
        index = self._index
        rcpt_to = self._envelopes[index].rcpt_to
        if not self._dot_given:
            # Whatever it says, a text without its end is not accepted; the rest of it can't be taken back.
            verdict = classify(Step.TEXT, code, text, rcpt_to)
            detail = "answered before the end of a text: " + scrub(text, rcpt_to)
            if isinstance(verdict, RouteFault):
                self._end(detail, verdict, drop=True)
            else:
                self._settle(verdict)
                self._end(detail, RouteFault(code, None, detail, permanent=False), drop=True)
            return
        if 200 <= code < 300:
            outcome: Outcome = Sent(code, scrub(text, rcpt_to))
            self.good += 1
        elif is_out_of_step(code):
            self._refuse(code, text)
            return
        else:
            verdict = classify(Step.TEXT, code, text, rcpt_to)
            if isinstance(verdict, RouteFault):
                self._settle(NotSent(f"{code} {verdict.detail}"))
                self._end("the route is at fault", verdict, drop=True)
                return
            outcome = verdict
        self._dot_given = False
        self._settled = True
        self._on_outcome(index, outcome)
        if not self._ahead:
            self._begin()
        elif self._stopped:
            self._end("stopped before its text", None, drop=True)
        else:
            self._ahead = False
            self._was_ahead = True
            self._index = self._after
            self._after += 1
            self._settled = False
            self._step = _MAIL

    # -- what we say

    def _begin(self) -> None:
        """Nothing is outstanding: the next message, or the end."""
        if self._stopped:
            self._end("stopped before its text", None, drop=False)
            return
        if self._paused:
            self._held = self._begin
            return
        index = self._index = self._after = self._sendable(self._after)
        if index == self._count:
            self._end("", None, drop=False)
            return
        self._after = index + 1
        self._settled = False
        self._was_ahead = False
        self._grouped = self._grouping and self._manners.ceiling >= GROUPED
        self._step = _RSET if self.dirty else _MAIL
        commands = group if self._grouped else mail_line
        self._write((b"RSET\r\n" if self.dirty else b"") + commands(self._envelopes[index], self._extensions))

    def _next(self, *, dirty: bool) -> None:
        self.dirty = dirty
        self._begin()

    def _text(self) -> None:
        if self._paused:
            self._held = self._text
            return
        index = self._index
        if self._stopped or not self._on_content(index):
            self._end("stopped before its text", None, drop=True)
            return
        content = self._envelopes[index].content
        self._step = _TEXT
        if len(content) > _PIECE:
            self._offset = 0
            self._piece()
            return
        tail = b".\r\n"
        if self._grouped and self.good >= _PROVEN and self._manners.ceiling >= CHAINED:
            following = self._after = self._sendable(self._after)
            if following < self._count:
                self._ahead = True
                tail += group(self._envelopes[following], self._extensions)
        self._dot_given = True
        self._write(content + tail)

    def _piece(self) -> None:
        content = self._envelopes[self._index].content
        while not self._paused:
            end = self._offset + _PIECE
            if end >= len(content):
                self._dot_given = True
                self._write(content[self._offset :] + b".\r\n")
                return
            self._write(content[self._offset : end])
            self._offset = end
        self._held = self._piece

    def _sendable(self, index: int) -> int:
        """The first message from `index` that can be begun; those before it get their outcome here."""
        while index < self._count:
            refused = refusal(self._envelopes[index], self._extensions)
            if refused is None:
                break
            self._on_outcome(index, refused)
            index += 1
        return index

    # -- how it ends

    def _settle(self, outcome: Outcome) -> None:
        self._settled = True
        self._on_outcome(self._index, outcome)

    def _refuse(self, code: int, text: bytes) -> None:
        """The reply is the route's fault."""
        step = self._step
        verdict = classify(_STEPS[step], code, text)
        if not isinstance(verdict, RouteFault):  # RSET, or the end of an empty text, refused: nobody's but the relay's
            verdict = RouteFault(code, None, verdict.detail, permanent=False)
        if self._grouped and (is_out_of_step(code) or code in (500, 503)):
            self._manners.out_of_step()
        self._end(f"the route is at fault: {code} {verdict.detail}".rstrip(), verdict, drop=True)

    def _end(self, detail: str, fault: RouteFault | None, *, drop: bool) -> None:
        if self.finished:
            return
        self.finished = True
        self.fault = fault
        self.drop = drop
        index, settled = self._index, self._settled
        self._held = None
        if not settled:
            self._settled = True
            self._on_outcome(index, Unknown(detail) if self._dot_given else NotSent(detail))
        for rest in range(self._after, self._count):
            self._on_outcome(rest, NotSent(detail))
