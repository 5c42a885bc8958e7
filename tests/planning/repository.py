"""A Git repository of campaigns, and what a branch of it is said to change."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from herold.cli.files import check_templates
from herold.ledger.database import Connection
from herold.planning.branch import Branch, read_branch
from herold.planning.numbers import Numbers
from herold.planning.review import Entry, Review, review_branch
from herold.policies import Policies
from parts.campaigns import SHARED, small_campaign

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILES = Path("gitops", "campaigns")
APPROVALS = Path("gitops", "approvals")
Object = dict[str, Any]


@dataclass
class Repository:
    """Work is done on a branch; `base` is where it began."""

    folder: Path
    base: str = ""
    objects: dict[str, Object] = field(default_factory=dict)

    def git(self, *arguments: str) -> str:
        """What git prints."""
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, content: Object | str) -> None:
        """A file below gitops/campaigns."""
        path = self.folder / FILES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        if not isinstance(content, str):
            self.objects[name] = content

    def edit(self, name: str, change: Mapping[str, Any]) -> None:
        """Fields of a spec, as in a merge patch."""
        content = deepcopy(self.objects[name])
        _merge(content["spec"], change)
        self.write(name, content)

    def remove(self, name: str) -> None:
        """A file that goes."""
        (self.folder / FILES / name).unlink()
        del self.objects[name]

    def commit(self) -> str:
        """Everything as it is; the commit's name."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a step")
        return self.git("rev-parse", "HEAD")

    def branch(self, policies: Policies | None = None, revisions: str = "") -> Branch:
        """What happened since `base`."""
        return read_branch(
            self.folder,
            revisions or f"{self.base}..HEAD",
            [self.folder / FILES, self.folder / APPROVALS],
            shared_namespace=SHARED,
            environment="test",
            checks=(check_templates,),
            policies=policies,
        )

    def review(
        self, policies: Policies | None = None, connection: Connection | None = None, above: int | None = None
    ) -> Review:
        """Its verdict. With a connection the people of `test` are counted."""
        branch = self.branch(policies)
        numbers = Numbers(connection, "test", base="main", now=NOW)
        return review_branch(
            branch,
            plans=numbers.plan,
            approval_above={} if above is None else dict.fromkeys(("test", "staging", "prod"), above),
            open_runs=numbers.open_runs(branch.changes),
            counted=numbers.counted,
            now=NOW,
        )

    def entry(self, **options: Any) -> Entry:
        """The only campaign that changes."""
        (entry,) = self.review(**options).entries
        return entry


def started(folder: Path, environment: str = "test") -> Repository:
    """One campaign `hello` with all that it names, committed."""
    made = Repository(folder)
    made.git("init", "-q", "-b", "main")
    for name, content in declared().items():
        made.write(f"{environment}/{name}", content)
    made.base = made.commit()
    return made


def declared(**overrides: Any) -> dict[str, Object]:
    """The resources of a campaign by file."""
    content = small_campaign(
        sender={"postalAddress": "1 Example Street", "allow": {}},
        **overrides,
        campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 50_000}},
    ).to_json()
    content["sender"]["metadata"]["labels"] = {"herold.dev/environment": "test"}
    return {
        "shop/hello.yaml": content["campaign"],
        "shop/segment.yaml": content["segments"][0],
        "shop/template.yaml": content["template"],
        "shared/sender.yaml": content["sender"],
        "shared/schema.yaml": content["schema"],
    }


def another(name: str, **change: Any) -> Object:
    """A campaign like `hello` under another name."""
    made = declared()["shop/hello.yaml"]
    made["metadata"]["name"] = name
    _merge(made["spec"], change)
    return made


def _merge(into: Object, change: Mapping[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
