"""The images of the data services: PostgreSQL with Patroni and pgBackRest, Redis with Sentinel, RabbitMQ.

Each has one program of ours that makes the configuration from what the pod mounts, and becomes the server. Passwords
come as files, never on a command line.
"""

from __future__ import annotations

from pathlib import Path

from local.images.archive import Image, Start
from local.images.debian import Debian, build_debian
from local.images.layer import Entry
from local.images.recipes import DEBIAN, PYTHON_BASE, USER, build_files

POSTGRES_BIN = "/usr/lib/postgresql/15/bin"
POSTGRES_BASE = Debian(
    "postgres",
    ("postgresql-15", "patroni", "pgbackrest"),
    upon=PYTHON_BASE,
    # The compiler of queries is a third of all, and worth nothing to queries of milliseconds. PostgreSQL goes on
    # without one: https://www.postgresql.org/docs/15/jit-extensibility.html
    without=(
        f"{POSTGRES_BIN.removesuffix('/bin')}/lib/llvmjit*",
        f"{POSTGRES_BIN.removesuffix('/bin')}/lib/bitcode",
        "/usr/lib/x86_64-linux-gnu/libLLVM-14*",
        "/usr/lib/x86_64-linux-gnu/libz3.so*",
    ),
)
REDIS_BASE = Debian("redis", ("redis-server", "redis-sentinel"), upon=DEBIAN)
RABBITMQ_BASE = Debian("rabbitmq", ("rabbitmq-server",), upon=PYTHON_BASE)
DATA = {debian.name: debian for debian in (POSTGRES_BASE, REDIS_BASE, RABBITMQ_BASE)}


def build_postgres(checkout: Path, cache: Path) -> Image:
    """PostgreSQL 15 of Debian with Patroni. The pod says which of the programs runs."""
    start = Start(
        ("/usr/local/bin/start-postgres",),
        USER,
        folder="/tmp",  # noqa: S108 -- the only folder that a pod with a read-only root gives
        environment=(("PATH", f"{POSTGRES_BIN}:/usr/local/bin:/usr/bin:/bin"), ("LC_ALL", "C.UTF-8")),
    )
    return _build("postgres", POSTGRES_BASE, start, checkout, cache)


def build_redis(checkout: Path, cache: Path) -> Image:
    """Redis 7.0 of Debian; one image for Redis and its Sentinel, which the pod tells apart."""
    start = Start(("/usr/local/bin/start-redis",), USER, environment=(("PATH", "/usr/local/bin:/usr/bin:/bin"),))
    return _build("redis", REDIS_BASE, start, checkout, cache)


def build_rabbitmq(checkout: Path, cache: Path) -> Image:
    """RabbitMQ 3.10 of Debian."""
    path = "/usr/lib/rabbitmq/bin:/usr/local/bin:/usr/bin:/bin"
    start = Start(("/usr/local/bin/start-rabbitmq",), USER, environment=(("PATH", path), ("LC_ALL", "C.UTF-8")))
    return _build("rabbitmq", RABBITMQ_BASE, start, checkout, cache)


def find_programs(folder: Path) -> dict[str, Path]:
    """Programs of an image by the names under which it has them: `start_member.py` is `start-member` there."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name != "Containerfile"]
    return {file.stem.replace("_", "-"): file for file in files}


def _build(name: str, debian: Debian, start: Start, checkout: Path, cache: Path) -> Image:
    programs = find_programs(checkout / "local" / "images" / name)
    entries = [Entry(f"usr/local/bin/{program}", file, 0o755) for program, file in programs.items()]
    layers = (*build_debian(debian, cache), build_files(f"{name}-programs", entries, {}, cache))
    return Image(f"localhost/herold-{name}", start, layers)
