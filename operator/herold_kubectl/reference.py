"""`python -m herold_kubectl.reference [--check] [--root FOLDER]`: writes docs/reference/kubectl-campaign.md."""

from __future__ import annotations

import sys

from herold.cli.reference import commands_page
from herold_kubectl.root import campaign
from herold_operator.reference import write_pages


def pages() -> dict[str, str]:
    """Every page that is generated here, by its file's name."""
    page = commands_page(
        campaign,
        ("kubectl", "campaign"),
        title="kubectl campaign",
        made_by="`python -m herold_kubectl.reference` from operator/herold_kubectl",
        words="Installed with `pip install herold[operator]`: kubectl finds `kubectl-campaign` on the PATH, and "
        "completes names of campaigns by `kubectl_complete-campaign` beside it. Tables and messages are for people; "
        "`-o json` prints one JSON document on standard output and nothing else there. Without `-n` the namespace is "
        "that of the kubeconfig's context.",
    )
    return {"kubectl-campaign.md": page}


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with `--check` only say whether it is stale (exit code 1)."""
    return write_pages("herold_kubectl.reference", pages(), arguments)


if __name__ == "__main__":
    sys.exit(main())
