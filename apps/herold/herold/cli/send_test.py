"""`herold send-test`: the message in every locale, in the team's own inboxes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from herold.cli.command import as_format, command, with_actor, with_campaign, with_files

if TYPE_CHECKING:
    from herold.ledger.counts import RunStatus
    from herold.resources.resolved import ResolvedCampaign


@command("send-test", "herold send-test spring-sale --files gitops/campaigns/test")
@with_campaign()
@with_files
@with_actor
@as_format("table", "json")
def send_test(campaign: str, paths: tuple[Path, ...], actor: str, format_: str) -> None:
    """Send the campaign to the sender's seed addresses only.

    Each seed gets it in its own locale; locales that no seed has go to all seeds. Proofs are runs of their own
    (NAME~proof): the campaign itself stays as it is, and may be sent afterwards.
    """
    from herold.cli.files import load_files
    from herold.cli.following import crew, follow, how_it_stands, interruptible
    from herold.cli.output import note, print_json
    from herold.cli.status import status_json
    from herold.errors import InvalidInput
    from herold.ledger.lookup import next_occurrence
    from herold.ledger.runs import start_run
    from herold.processes.ledger import open_for_sending
    from herold.settings import read_settings

    settings = read_settings()
    catalogue = load_files(paths, settings)
    resolved = catalogue.resolved(catalogue.campaign(campaign))
    if not resolved.sender.spec.seeds:
        mistake = catalogue.mistake(
            resolved.sender.key, ("spec",), "the sender has no seeds, so a proof reaches nobody", "add spec.seeds"
        )
        raise InvalidInput([mistake], what="sender")
    sent: list[tuple[str, RunStatus]] = []
    with (
        open_for_sending(settings) as ledger,
        interruptible() as interrupt,
        crew(settings, ledger.url, workers=1, slots=1) as members,
    ):
        # One after the other: a seed is one contact, and a contact has one locale at a time.
        for locales, proof in _proofs(resolved, next_occurrence(ledger.connection, resolved.as_proof(1))):
            if interrupt.asked:
                break
            run_id = start_run(ledger.connection, proof, key=ledger.key, actor=actor, at_once=True).run_id
            note(f"run {run_id}: {locales}")
            follow(members, run_id, interrupt)
            sent.append((locales, how_it_stands(ledger.url, run_id)))
    if format_ == "json":
        print_json([{"locales": locales, **status_json(run)} for locales, run in sent])
    else:
        _print(sent)
    if interrupt.asked:
        raise click.exceptions.Exit(130)


def _proofs(resolved: ResolvedCampaign, first: int) -> list[tuple[str, ResolvedCampaign]]:
    """What to send, in order. The seeds' own locales come last, so that the ledger keeps them."""
    from herold.message.template import CompiledTemplate, Constants

    template = CompiledTemplate(resolved.template, resolved.schema, Constants.of(resolved))
    reached = {template.content(seed.locale).locale for seed in resolved.sender.spec.seeds}
    others = [locale for locale in template.locales if locale not in reached]
    proofs = [
        (f"{locale}, to all seeds", resolved.as_proof(first + index, locale=locale))
        for index, locale in enumerate(others)
    ]
    own = f"{', '.join(sorted(reached))}, each seed its own"
    return [*proofs, (own, resolved.as_proof(first + len(others)))]


def _print(sent: list[tuple[str, RunStatus]]) -> None:
    from herold.cli.output import print_table

    columns = ("sent", "deferred", "failed", "suppressed", "skipped", "uncertain", "waiting")
    print_table(
        ("LOCALES", "RUN", *map(str.upper, columns)),
        [[locales, str(run.run_id), *(getattr(run, name) for name in columns)] for locales, run in sent],
        numbers=("RUN", *map(str.upper, columns)),
    )
    for _, run in sent:
        if run.sent < run.planned:
            click.echo(f"not everybody got it: herold deliveries --run {run.run_id}")
