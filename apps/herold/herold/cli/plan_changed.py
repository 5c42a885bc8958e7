"""`herold plan --changed`: what a branch would do, for its pull request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from herold.planning.branch import Branch
    from herold.planning.numbers import Numbers
    from herold.planning.review import Review
    from herold.policies import Policies
    from herold.settings import Settings

FILES = (Path("gitops", "campaigns"), Path("gitops", "approvals"))


def plan_changed(
    revisions: str, paths: tuple[Path, ...], policies: Path | None, format_: str, output: Path | None, page: Path | None
) -> None:
    """Write it in `format_`, and as a page too where one is asked for. Ends with the exit code of the verdict."""
    from herold.cli.entry import ExitCode
    from herold.cli.files import load_policies
    from herold.cli.output import note, write_file
    from herold.planning.artefact import as_artefact
    from herold.planning.brief import as_review_json, as_review_text
    from herold.planning.comment import as_comment
    from herold.planning.review import Verdict, review_branch
    from herold.settings import read_settings

    settings = read_settings()
    rules = load_policies(policies)
    branch = read_changed(settings, revisions, paths, rules)
    above = {name: int(rules.parameter(name, "approval-above")) for name in rules.parameters} if rules else {}
    with _numbers(settings, branch) as numbers:
        review: Review = review_branch(
            branch,
            plans=numbers.plan,
            approval_above=above,
            open_runs=numbers.open_runs(branch.changes),
            counted=numbers.counted,
            now=numbers.now,
        )
    forms = {"text": as_review_text, "json": as_review_json, "markdown": as_comment, "html": as_artefact}
    written = forms[format_](review)
    if output is None:
        click.echo(written, nl=False)
    else:
        write_file(output, written)
    if page is not None:
        write_file(page, as_artefact(review))
    if rules is None:
        note("no policies were asked, and nothing needs approval: there is no policies/admission here")
    codes = {Verdict.NEEDS_APPROVAL: ExitCode.NEEDS_APPROVAL, Verdict.REFUSED: ExitCode.REFUSED}
    if review.verdict in codes:
        note(f"{review.verdict.words.lower()}: see the plan")
        raise click.exceptions.Exit(codes[review.verdict])


def read_changed(
    settings: Settings, revisions: str, paths: tuple[Path, ...], policies: Policies | None = None
) -> Branch:
    """What a branch changes below `paths`, from Git. Raises NotFound."""
    from herold.cli.files import check_templates
    from herold.planning.branch import read_branch

    return read_branch(
        Path.cwd(),
        revisions,
        paths or FILES,
        shared_namespace=settings.shared_namespace,
        environment=settings.environment,
        checks=(check_templates,),
        policies=policies,
    )


@contextmanager
def _numbers(settings: Settings, branch: Branch) -> Iterator[Numbers]:
    """Counts come from a ledger that is named; the embedded one is nobody's environment."""
    from datetime import UTC, datetime

    from herold.ledger.database import one
    from herold.planning.numbers import Numbers
    from herold.processes.ledger import open_for_counting

    if settings.database_url is None:
        yield Numbers(None, settings.environment, base=branch.base, now=datetime.now(UTC))
        return
    with open_for_counting(settings) as connection:
        now = one(connection, "SELECT now()")[0]
        yield Numbers(connection, settings.environment, base=branch.base, now=now)
