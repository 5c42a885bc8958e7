"""PostgreSQL for tests: real servers, one of each version for a whole run, and a fresh migrated database for each test.

The servers of a run are shared by all its xdist workers: the process that runs the others makes a short folder (paths
of Unix sockets hold about 100 characters) and removes it at the end.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from herold.ledger.database import Connection, connect, migrate
from herold.processes.embedded import EmbeddedServer, bundled_bin, embedded

FOLDER = pytest.StashKey[Path]()
TEMPLATE = "herold_template"
BINARIES_15 = Path("/usr/lib/postgresql/15/bin")


def pytest_configure(config: pytest.Config) -> None:
    """The run's folder: made by whoever runs the workers, told to them."""
    told = getattr(config, "workerinput", {}).get("herold_servers")
    if told is None:
        folder = Path(tempfile.mkdtemp(prefix="herold-", dir="/tmp"))
        folder.chmod(0o755)  # servers may run as another user than we do
    else:
        folder = Path(told)
    config.stash[FOLDER] = folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["herold_servers"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(FOLDER, None)
    if folder is None or hasattr(config, "workerinput"):
        return
    for data in folder.glob("*/data/postmaster.pid"):  # a worker that was killed left its server behind
        binaries = BINARIES_15 if data.parent.parent.name == "15" else bundled_bin()
        EmbeddedServer(data.parent.parent, binaries).stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(config: pytest.Config, major: int) -> Iterator[EmbeddedServer]:
    folder = config.stash[FOLDER] / str(major)
    with embedded(folder, binaries=BINARIES_15 if major == 15 else None) as server:
        with (folder / "template").open("a+") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            gate.seek(0)
            if not gate.read():
                _make_template(server)
                gate.write("made")
        yield server


def _make_template(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
        connection = connect(server.url(TEMPLATE))
        migrate(connection)
        connection.close()
        # Nobody connects to it again: a template that is in use can't be copied.
        admin.execute(f"ALTER DATABASE {TEMPLATE} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true".encode())


@contextmanager
def fresh_database(server: EmbeddedServer, template: str = TEMPLATE) -> Iterator[str]:
    """URL of a database of its own, a copy of the template; dropped at the end, whoever is connected."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    try:
        yield server.url(name)
    finally:
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For a server of a test's own: sockets lie below it."""
    folder = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp"))
    folder.chmod(0o755)  # the server may run as another user than we do
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[EmbeddedServer]:
    """The embedded PostgreSQL 18, shared by all workers of the run."""
    with _server(pytestconfig, 18) as server:
        yield server


@pytest.fixture(scope="session", params=[18, 15], ids=lambda major: f"postgres{major}")
def any_postgres_server(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Each end of the range that Herold supports: 18 (embedded), and 15 where Debian's is installed."""
    if request.param == 15 and not (BINARIES_15 / "initdb").exists():
        pytest.skip(f"PostgreSQL 15 is not installed in {BINARIES_15}")
    with _server(pytestconfig, request.param) as server:
        yield server


@pytest.fixture
def database(postgres_server: EmbeddedServer) -> Iterator[str]:
    """URL of an empty, migrated database of this test's own."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def any_database(any_postgres_server: EmbeddedServer) -> Iterator[str]:
    """The same, on each version."""
    with fresh_database(any_postgres_server) as url:
        yield url


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection to this test's own database."""
    opened = connect(database)
    yield opened
    opened.close()


@pytest.fixture
def any_connection(any_database: str) -> Iterator[Connection]:
    """The same, on each version."""
    opened = connect(any_database)
    yield opened
    opened.close()
