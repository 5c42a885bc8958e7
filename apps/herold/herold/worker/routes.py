"""What a window needs on its way: the run's pinned content, the sender's route of today, signatures."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from herold.channels.route import smtp_route
from herold.channels.smtp import SmtpRoute
from herold.errors import HeroldError
from herold.ledger.database import AsyncConnection
from herold.message.compose import Composed, Composer, wire
from herold.message.dkim import DkimSigner, read_dkim_keys
from herold.resources.resolved import ResolvedCampaign
from herold.resources.sender import Allow, SenderProfile

ROUTE_FRESH_SECONDS = 5.0  # after that the sender's row is read again: a changed relay is used without a restart
_RUNS_KEPT = 16
_SIGNERS = 2


@dataclass(frozen=True, slots=True)
class Content:
    """A run as it was pinned: what it says, in whose name, to whom it may go at most."""

    composer: Composer
    signer: DkimSigner | None
    allow: Allow
    wants_attributes: bool


@dataclass(frozen=True, slots=True)
class _Fresh:
    route: SmtpRoute
    spec: str
    read_at: float


class Routes:
    """Content by run, routes by sender; both read once and kept."""

    def __init__(self, key: bytes, secrets_dir: Path | None) -> None:
        self._key = key
        self._secrets_dir = secrets_dir
        self._contents: OrderedDict[int, Content] = OrderedDict()
        self._routes: dict[int, _Fresh] = {}
        self._threads = ThreadPoolExecutor(_SIGNERS, thread_name_prefix="sign")

    async def content(self, connection: AsyncConnection, run_id: int) -> Content:
        """The run's content. Raises HeroldError when it can't be read (a key is missing, say)."""
        known = self._contents.get(run_id)
        if known is None:
            row = await (await connection.execute("SELECT resolved FROM run WHERE id = %s", (run_id,))).fetchone()
            assert row is not None
            try:
                known = self._read(ResolvedCampaign.from_json(row[0]), run_id)
            except (ValueError, KeyError, TypeError) as error:
                # What another version pinned must not stop the workers: other runs go on.
                raise HeroldError(f"run {run_id} can't be read by this program: {type(error).__name__}") from None
            self._contents[run_id] = known
            while len(self._contents) > _RUNS_KEPT:
                self._contents.popitem(last=False)
        self._contents.move_to_end(run_id)
        return known

    def _read(self, resolved: ResolvedCampaign, run_id: int) -> Content:
        keys = read_dkim_keys(resolved.sender, self._secrets_dir)
        composer = Composer(resolved, run_id=run_id, key=self._key)
        wants = bool(composer.template.attributes)
        signer = DkimSigner(keys, composer.signed_fields) if keys else None
        return Content(composer, signer, resolved.sender.spec.allow, wants)

    async def route(self, connection: AsyncConnection, sender_id: int) -> SmtpRoute:
        """The sender's relay as its row says now."""
        known = self._routes.get(sender_id)
        now = time.monotonic()
        if known is not None and now - known.read_at < ROUTE_FRESH_SECONDS:
            return known.route
        found = await connection.execute("SELECT namespace, name, spec::text FROM sender WHERE id = %s", (sender_id,))
        row = await found.fetchone()
        assert row is not None
        namespace, name, spec = row
        if known is not None and known.spec == spec:
            route = known.route  # the same object: who compares sees that nothing changed
        else:
            resource = {"kind": "SenderProfile", "metadata": {"namespace": namespace, "name": name}}
            sender = SenderProfile.model_validate({**resource, "spec": json.loads(spec)})
            route = smtp_route(sender, self._secrets_dir)
        self._routes[sender_id] = _Fresh(route, spec, now)
        return route

    async def sign(self, signer: DkimSigner | None, messages: Sequence[Composed]) -> list[bytes]:
        """Messages as they go over the wire. RSA runs in threads, outside the interpreter's lock."""
        if signer is None:
            return [wire(message) for message in messages]
        loop = asyncio.get_running_loop()
        half = (len(messages) + 1) // _SIGNERS
        parts = [messages[start : start + half] for start in range(0, len(messages), max(1, half))]
        signed = await asyncio.gather(*(loop.run_in_executor(self._threads, _sign_all, signer, part) for part in parts))
        return [text for part in signed for text in part]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _sign_all(signer: DkimSigner, messages: Sequence[Composed]) -> list[bytes]:
    return [wire(message, signer.sign(message)) for message in messages]
