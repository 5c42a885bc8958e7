"""A small declared world in files, a ledger, and `herold` as people call it: arguments in, words and a code out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from herold.cli import main
from herold.ledger.database import Connection, connect
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import small_campaign
from parts.people import KEY

DEADLINE = 60.0
CANARY = "canary-7f3a"  # part of every address and name here: it must not turn up where it does not belong


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


@dataclass(slots=True)
class World:
    """`herold(…)` runs one command in it."""

    folder: Path
    state: Path
    database: str | None = None
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> Path:
        return self.folder / "campaigns"

    def declare(self, resolved: ResolvedCampaign) -> None:
        """Write every resource to a file of its own."""
        self.files.mkdir(exist_ok=True)
        for kind, content in resolved.to_json().items():
            if kind == "sharedNamespace":
                continue
            for each in content if isinstance(content, list) else [content]:
                (self.files / f"{each['kind']}-{each['metadata']['name']}.yaml").write_text(yaml.safe_dump(each))

    def give_dkim_key(self) -> dict[str, object]:
        """A key, and the installation's, in a folder of secrets; its entry of `spec.dkim`, but for `domain`."""
        secrets = self.folder / "secrets"
        pem = rsa.generate_private_key(65_537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for name, file, content in (("dkim", "tls.key", pem), ("herold-key", "key", KEY)):
            (secrets / name).mkdir(parents=True)
            (secrets / name / file).write_bytes(content)
        self.environ["HEROLD_SECRETS_DIR"] = str(secrets)
        return {"selector": "s1", "keyRef": {"name": "dkim"}}

    def settings(self) -> dict[str, str]:
        """The environment of a command."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HEROLD_")}
        environ |= {"HEROLD_STATE_DIR": str(self.state), "HEROLD_SINGLE_NODE": "true", **self.environ}
        if self.database is not None:
            environ["HEROLD_DATABASE_URL"] = self.database
        return environ

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on; the caller ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "herold.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.settings(),
            cwd=self.folder,
        )

    def herold(self, *arguments: str, given: str = "") -> Said:
        """Run one command to its end, with `given` on standard input, which is no terminal.

        In this process, which has read in the engine already; workers are processes in any case.
        """
        out, err = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
        before = dict(os.environ), sys.stdin
        os.environ.clear()
        os.environ.update(self.settings())
        sys.stdin = TextIOWrapper(BytesIO(given.encode()), encoding="utf-8")
        try:
            with chdir(self.folder), redirect_stdout(out), redirect_stderr(err):
                code = main(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            sys.stdin = before[1]
        said = Said(int(code), *(_written(stream) for stream in (out, err)))
        assert "Traceback" not in said.err, said.err
        return said

    def process(self, *arguments: str) -> Said:
        """The same as a process of its own."""
        running = self.start(*arguments)
        out, err = running.communicate(timeout=DEADLINE)
        return Said(running.returncode, out, err)

    def must(self, *arguments: str, given: str = "") -> Said:
        """The same, for what must succeed."""
        said = self.herold(*arguments, given=given)
        assert said.code == 0, f"herold {' '.join(arguments)}: {said}"
        return said

    def ledger(self) -> Connection:
        """A connection; the caller closes it."""
        assert self.database is not None
        return connect(self.database)

    def trace(self) -> dict[str, int]:
        """Rows by table, those without any left out: what a refused command must leave as it was.

        A month's partition that was made ahead of its time is empty, and nothing of the refused command. Nor is a mark,
        which says that somebody looked.
        """
        with self.ledger() as connection:
            tables = connection.execute(
                "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'herold'::regnamespace "
                "AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
            ).fetchall()
            counted: dict[str, int] = {}
            for (table,) in tables:
                if table == "mark":
                    continue
                row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
                assert row is not None
                if row[0]:
                    counted[table] = row[0]
            return counted


def _written(stream: TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def hello(port: int = 2525, **overrides: Any) -> ResolvedCampaign:
    """The campaign `campaigns-shop/hello` in two locales, to everybody, over a relay on `port`."""
    contents = [
        {"locale": "en", "subject": "Hello", "text": "Hello {{ contact.first_name }}\n{{ unsubscribe_url }}\n"},
        {"locale": "pl", "subject": "Witaj", "text": "Witaj {{ contact.first_name }}\n{{ unsubscribe_url }}\n"},
    ]
    sender = {"seeds": [{"address": "anna@team.example", "locale": "en"}], **overrides.pop("sender", {})}
    return small_campaign(port=port, template={"contents": contents}, sender=sender, **overrides)


def addresses(count: int) -> list[str]:
    return [f"{CANARY}-{index}@mail{index % 3}.example" for index in range(count)]
