"""Pre-flight: what would go wrong if a campaign were due now. It looks at everything and reports every finding.

Nothing is written, nobody gets anything, and nothing in what it says is about a person. The plan finds what it always
finds; this adds what only whoever sends can see: the secrets, the relay, the keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from herold.channels.route import SmtpRoute, smtp_route
from herold.channels.smtp import Place, RouteFailed, SmtpConnection
from herold.errors import InvalidInput, Refused
from herold.ledger.database import Connection, one
from herold.ledger.installation import check_durability
from herold.ledger.tasks import Outcome
from herold.message.compose import CannotRender, wire
from herold.message.dkim import DkimKey, DkimSigner, read_dkim_keys
from herold.message.personas import personas
from herold.planning.make import make_plan
from herold.planning.plan import Plan, Violation
from herold.planning.samples import sample_composer
from herold.processes.finding import Finding
from herold.processes.ledger import OpenLedger
from herold.processes.published import look_up
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings

if TYPE_CHECKING:
    from dns.resolver import Resolver

RELAY_SECONDS = 30.0
# What its author was told, and took; the others are for the review of a change, not for the hour before it.
_WARNINGS = ("ManyExpire", "LooksLikeRepeat")
_RELAY: dict[Place, str] = {
    "Connect": "RelayAway",
    "Certificate": "CertificateNotValid",
    "StartTls": "RelayWithoutTls",
    "Login": "LoginRefused",
    "Talk": "RelayRefuses",
}


def look_ahead(
    ledger: OpenLedger, resolved: ResolvedCampaign, settings: Settings, resolver: Resolver | None = None
) -> Outcome:
    """The receipt: `findings`, each with what, message and hint; `people`, who would get it (None: not counted);
    `unknown`, what could not be looked at, in words. `resolver` answers for DNS; without it the machine's own does.

    Raises Temporary and psycopg.Error when the ledger does not answer.
    """
    connection = ledger.connection
    now: datetime = one(connection, "SELECT now()")[0]
    findings = [*_ledger(connection, settings)]
    people, found = _plan(connection, resolved, ledger.key, now)
    findings += found
    keys, found = _keys(resolved, settings)
    findings += found
    published = look_up(keys, resolver)
    findings += published.findings
    findings += _route(resolved, settings, max(_lengths(resolved, keys, now), default=0))
    unknown = list(published.unknown)
    return {"findings": [asdict(each) for each in findings], "people": people, "unknown": unknown}


def look_at_sender(
    resolved: ResolvedCampaign, settings: Settings, resolver: Resolver | None = None
) -> tuple[list[Finding], list[Finding]]:
    """As it is seen from this machine: what keeps its sender from sending (keys, relay), and what receivers will hold
    against what it sends all the same."""
    keys, found = _keys(resolved, settings)
    return [*found, *_route(resolved, settings, 0)], [*look_up(keys, resolver).findings]


def _ledger(connection: Connection, settings: Settings) -> Iterator[Finding]:
    try:
        check_durability(connection, settings)
    except Refused as error:
        yield _refused(error, "mend the settings of PostgreSQL; workers refuse to send until then")
    why = one(connection, "SELECT regressed_why FROM installation")[0]
    if why is not None:
        yield Finding(
            "LedgerRegressed",
            f"the ledger went backwards: {why}",
            "find out what was sent since, then herold ledger accept (docs/how-to/after-a-restore.md)",
        )


def _plan(
    connection: Connection, resolved: ResolvedCampaign, key: bytes, now: datetime
) -> tuple[int | None, list[Finding]]:
    try:
        plan = make_plan(connection, resolved, key=key, now=now, real_samples=True)
    except InvalidInput as error:
        return None, _mistakes("CannotRender", error, "mend the template")
    except Refused as error:
        return None, [_refused(error, "make the segments simpler")]
    if any(each.reason == "AlreadyStarted" for each in plan.violations):
        return plan.size, []  # its audience and its message are frozen: what is written now is not what goes out
    findings = [
        Finding(each.reason, each.message.rstrip("."), each.fix.rstrip("."))
        for each in plan.violations
        if each.severity == "error" or _is_trouble(each, resolved)
    ]
    return plan.size, [*findings, *_real_people(plan)]


def _is_trouble(warning: Violation, resolved: ResolvedCampaign) -> bool:
    if warning.reason == "LooksLikeRepeat" and resolved.campaign.spec.repeat_policy != "Hold":
        return False
    return warning.reason in _WARNINGS


def _real_people(plan: Plan) -> Iterator[Finding]:
    tried = [each for each in plan.samples if each.kind == "Real"]
    # Why a message can't be rendered says nothing of whom it was for.
    for why in sorted({each.trouble for each in tried if each.trouble is not None}):
        count = sum(each.trouble == why for each in tried)
        yield Finding(
            "CannotRender",
            f"for {count} of {len(tried)} people of the audience that were tried, {why}",
            "mend the template, or write a default for what is missing",
        )


def _lengths(resolved: ResolvedCampaign, keys: Sequence[DkimKey], now: datetime) -> Iterator[int]:
    """How long signed messages are, in bytes."""
    try:
        composer = sample_composer(resolved, now)
    except InvalidInput:
        return  # the plan has said so
    signer = DkimSigner(keys, composer.signed_fields)
    needed = composer.template.missing_defaults
    for locale in composer.template.locales:
        for persona in personas(resolved.schema, locale, needed=needed):
            try:
                composed = composer.compose(persona.recipient)
            except CannotRender:
                continue  # the same
            yield len(wire(composed, signer.sign(composed)))


def _keys(resolved: ResolvedCampaign, settings: Settings) -> tuple[list[DkimKey], list[Finding]]:
    """What signs, none while something is wrong with a key."""
    try:
        return read_dkim_keys(resolved.sender, settings.secrets_dir), []
    except InvalidInput as error:
        return [], _mistakes("DkimKeyUnusable", error, "put an RSA key there")
    except Refused as error:
        return [], [_refused(error, "set HEROLD_SECRETS_DIR")]


def _route(resolved: ResolvedCampaign, settings: Settings, length: int) -> list[Finding]:
    sender = resolved.sender
    try:
        route = smtp_route(sender, settings.secrets_dir)
    except InvalidInput as error:
        return [
            Finding("SecretUnusable", f"the secret {each.file} {each.message}", each.fix or "mend it")
            for each in error.mistakes
        ]
    where = f"{route.host}:{route.port}"
    try:
        most = asyncio.run(_say_hello(route))
    except RouteFailed as error:
        return [Finding(_RELAY[error.place], f"{where}: {error.message.rstrip('.')}", _what_to_do(error, resolved))]
    if most and length > most:
        return [
            Finding(
                "MessageTooLong",
                f"{where} takes messages of {most:,} bytes at most, and this one has up to {length:,}",
                "shorten the message, or let the relay take longer ones",
            )
        ]
    return []


async def _say_hello(route: SmtpRoute) -> int:
    """As a worker does, up to where it would begin with a message; the longest that is taken, 0: not said."""
    connection = await SmtpConnection.open(route, timeout=RELAY_SECONDS)
    try:
        return connection.most_bytes
    finally:
        await connection.close()


def _what_to_do(error: RouteFailed, resolved: ResolvedCampaign) -> str:
    metadata, route = resolved.sender.metadata, resolved.sender.spec.route
    profile = f"SenderProfile {metadata.namespace}/{metadata.name}"
    match error.place:
        case "Certificate":
            return f"renew the relay's certificate, or let route.caRef of {profile} name the authority that signed it"
        case "StartTls":
            return (
                f"let the relay offer STARTTLS, or write route.tls: Implicit in {profile} if its port speaks TLS only"
            )
        case "Login" if error.fault.permanent:
            name = route.credentials_ref.name if route.credentials_ref is not None else "of the sender"
            return f"put the right username and password into the Secret {name} in the workers' namespace"
        case "Connect":
            return (
                f"see that the relay runs, that route.host and route.port of {profile} are right, and that "
                "NetworkPolicies let herold-preflight and herold-worker reach it"
            )
        case _:
            return "ask whoever runs the relay; it is looked at again by itself"


def _mistakes(what: str, error: InvalidInput, otherwise: str) -> list[Finding]:
    return [
        Finding(what, f"{each.path}: {each.message}" if each.path else each.message, each.fix or otherwise)
        for each in error.mistakes
    ]


def _refused(error: Refused, otherwise: str) -> Finding:
    return Finding(error.reason, error.message.removeprefix(f"{error.reason}: "), error.hint or otherwise)
