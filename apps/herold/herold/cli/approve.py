"""`herold approve`: the file by which a second person approves just what the files say now."""

from __future__ import annotations

from pathlib import Path

import click

from herold.cli.command import command, with_campaign


@command(
    "approve",
    "herold approve spring-sale --approver crm-lead --reason 'plan of 24 November looked at'",
    "herold approve campaigns-shop/spring-sale --environment prod --approver crm-lead --reason 'as agreed' "
    "--expires 2026-12-02T00:00:00Z",
)
@with_campaign()
@click.option("--approver", required=True, metavar="NAME", help="Who approves: a person or a team, no address.")
@click.option("--reason", required=True, help="Why it may go out.")
@click.option(
    "--environment",
    type=click.Choice(["test", "staging", "prod"]),
    help="Whose campaign is meant.  [default: HEROLD_ENVIRONMENT]",
)
@click.option("--expires", metavar="INSTANT", help="It must have started by then, in UTC, like 2026-12-02T00:00:00Z.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("gitops"),
    show_default=True,
    help="Folder with campaigns and approvals.",
)
def approve(
    campaign: str, approver: str, reason: str, environment: str | None, expires: str | None, root: Path
) -> None:
    """Write the CampaignApproval of a campaign as it stands in the files, below ROOT/approvals.

    It approves exactly this content, for as many people as the campaign may go to: any later change of the campaign, of
    a segment, the template or the sender's identity needs another one. Read the plan first; then commit the file.
    Nothing is sent, no ledger is needed. An approval is never edited: another one of the same gets a name of its own.
    """
    from herold.cli.files import load_files
    from herold.cli.output import note, write_file
    from herold.errors import InvalidInput
    from herold.planning.approving import approval_text
    from herold.resources.approving import approval_name, approval_path, written_digest
    from herold.resources.catalogue import load_texts
    from herold.settings import read_settings

    settings = read_settings()
    where = environment or settings.environment
    catalogue = load_files((root / "campaigns" / where,), settings)
    resolved = catalogue.resolved(catalogue.campaign(campaign))
    name, number = approval_name(resolved), 1
    while (file := root / approval_path(resolved, where, name)).exists():
        number += 1
        name = f"{approval_name(resolved)[:59]}-{number}"
    text = approval_text(resolved, name=name, approver=approver, reason=reason, expires_at=expires)
    try:
        load_texts({str(file): text}, shared_namespace=settings.shared_namespace)
    except InvalidInput as error:
        raise InvalidInput(error.mistakes, what="approval") from None
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, text)
    most = resolved.campaign.spec.audience.max_recipients
    note(f"it approves {resolved.name} as it stands ({written_digest(resolved)}), for at most {most:,} people")
    click.echo(str(file))
