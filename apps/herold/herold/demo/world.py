"""The example campaigns of this repository, made ready for the demonstration: due now, over a relay on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import herold
from herold.errors import NotFound
from herold.ledger.installation import KEY_SECRET
from herold.message.dkim import KEY_FILE
from herold.resources.catalogue import load
from herold.resources.resolved import ResolvedCampaign

SENT, PLANNED = "spring-sale", "win-back"
_BIG_INBOXES = 0.57  # share of the made-up people in the domains of that lane: both lanes end at the same time


@dataclass(frozen=True, slots=True)
class World:
    """The campaign that is sent, and the one that is planned only."""

    sent: ResolvedCampaign
    planned: ResolvedCampaign


def examples() -> Path:
    """Folder of the example campaigns. Raises NotFound where Herold was installed without its repository."""
    folder = Path(herold.__file__).resolve().parents[3] / "gitops" / "campaigns" / "test"
    if not folder.is_dir():
        raise NotFound(
            "the example campaigns are not here: they come with the repository",
            hint="clone the repository, and there: make demo",
        )
    return folder


def read_world(*, shared_namespace: str, now: datetime, port: int, rate: int) -> World:
    """The examples with a relay on `port` of this machine, `rate` messages a second in all. `now` is aware."""
    catalogue = load([examples()], shared_namespace=shared_namespace)
    sent, planned = (catalogue.resolved(catalogue.campaign(name)) for name in (SENT, PLANNED))
    return World(
        _changed(sent, port, rate, at=lambda schedule: _local(now, schedule)),
        _changed(planned, port, rate, at=lambda schedule: _next_day(now, schedule)),
    )


def write_secrets(folder: Path, world: World, key: str) -> None:
    """What a platform would mount: the installation's key (text of 32 bytes or more), and a key for each DKIM name."""
    (folder / KEY_SECRET).mkdir(parents=True, mode=0o700)
    (folder / KEY_SECRET / "key").write_text(key)
    for name in {dkim.key_ref.name for dkim in world.sent.sender.spec.dkim}:
        (folder / name).mkdir(mode=0o700)
        made = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / name / KEY_FILE).write_bytes(pem)


def _changed(resolved: ResolvedCampaign, port: int, rate: int, *, at: Any) -> ResolvedCampaign:
    content = resolved.to_json()
    sender, schedule = content["sender"]["spec"], content["campaign"]["spec"]["schedule"]
    sender["route"] |= {"host": "127.0.0.1", "port": port}
    lanes = sender["limits"].get("lanes", [])
    sender["limits"]["perSecond"] = _rate(rate * (1 - _BIG_INBOXES) if lanes else rate)
    for lane in lanes:
        lane["perSecond"] = _rate(rate * _BIG_INBOXES / len(lanes))
    sender["retry"] |= {"firstDelay": "2s", "maxDelay": "10s"}
    schedule["at"] = at(schedule)
    if schedule["localTime"] == "Campaign":
        schedule.pop("quietHours", None)  # whoever tries the demonstration at night wants to see it
    return ResolvedCampaign.from_json(content)


def _rate(per_second: float) -> str:
    return f"{max(per_second, 1):.0f}"


def _local(now: datetime, schedule: dict[str, Any]) -> str:
    return f"{now.astimezone(ZoneInfo(schedule['timeZone'])):%Y-%m-%dT%H:%M:%S}"


def _next_day(now: datetime, schedule: dict[str, Any]) -> str:
    """The day after tomorrow, at the campaign's own time of day: still to come in every time zone."""
    day = now.astimezone(ZoneInfo(schedule["timeZone"])).date() + timedelta(days=2)
    return f"{day.isoformat()}T{schedule['at'].partition('T')[2]}"
