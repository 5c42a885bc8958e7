"""The headline: processor time of workers and PostgreSQL for each accepted mail, all checks on.

    .venv/bin/python tests/bench/bench_sending.py --messages 40000

Prints one JSON line for each way: plain, and TLS with RSA-2048 DKIM. A 5 KB mail with HTML and text, rendered for each
recipient. Real parts: PostgreSQL, worker processes as `herold worker` starts them, the sink in a process of its own
(its time is not counted). Times are those of the processes, read when the run has closed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.bench_ledger import server_seconds
from herold.ledger.counts import run_status
from herold.ledger.database import Connection
from herold.ledger.runs import start_run
from herold.processes.embedded import EmbeddedServer, bundled_bin
from herold.processes.ledger import open_for_sending
from herold.processes.sending import fleet
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings
from parts.campaigns import small_campaign
from parts.certificates import make_certificates
from parts.smtp_sink import smtp_sink

PARAGRAPH = (
    "The winter collection has arrived: warm, light and made to last. Have a look at what we chose for you this week, "
    "and take {{ vars.discount }} % off everything until Sunday. "
)


def campaign(port: int, *, signed: bool, tls: bool) -> ResolvedCampaign:
    """About 5 KB on the wire: half HTML, half text."""
    body = "".join(f"<mj-text>{PARAGRAPH}</mj-text>" for _ in range(3))
    mjml = f"<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{{{ contact.first_name }}}},</mj-text>{body}"
    mjml += (
        "<mj-text><a href='{{ unsubscribe_url }}'>Unsubscribe</a></mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    text = "Hello {{ contact.first_name }},\n\n" + PARAGRAPH * 3 + "\n\n{{ unsubscribe_url }}\n"
    route: dict[str, object] = {
        "host": "localhost" if tls else "127.0.0.1",
        "port": port,
        "tls": "StartTls" if tls else "None",
    }
    if tls:
        route["caRef"] = {"name": "relay-ca"}
    sender: dict[str, object] = {"route": route}
    if signed:
        sender["dkim"] = [{"domain": "shop.example", "selector": "s1", "keyRef": {"name": "shop-dkim"}}]
    return small_campaign(
        per_second="1000000",
        sender=sender,
        campaign={
            "message": {
                "topic": "offers",
                "templateRef": {"name": "hello"},
                "senderRef": {"name": "shop-newsletter", "scope": "Shared"},
                "variables": {"discount": "15"},
            }
        },
        template={
            "variables": [{"name": "discount"}],
            "contents": [{"locale": "en", "subject": "Winter, {{ contact.first_name }}", "mjml": mjml, "text": text}],
        },
    )


def secrets(folder: Path) -> Path:
    """The installation's key and the DKIM key, as Kubernetes would mount them."""
    for name, key in (("herold-key", "key"), ("shop-dkim", "tls.key")):
        (folder / name).mkdir(parents=True)
        content = b"0123456789abcdef" * 4
        if key == "tls.key":
            content = rsa.generate_private_key(65537, 2048).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        (folder / name / key).write_bytes(content)
    return folder


def once(messages: int, workers: int, slots: int, *, secure: bool) -> dict[str, float]:
    """One campaign to `messages` people; microseconds a mail, and the rate."""
    folder = Path(tempfile.mkdtemp(prefix="hb-", dir="/tmp"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        options: list[str] = []
        vault = secrets(folder / "secrets")
        if secure:
            made = make_certificates(folder, "localhost")
            options = ["--tls-cert", str(made.certificate), "--tls-key", str(made.key)]
            (vault / "relay-ca").mkdir()
            shutil.copy(made.authority, vault / "relay-ca" / "ca.crt")
        sink = stack.enter_context(smtp_sink(folder / "sink.log", *options))
        settings = Settings(state_dir=folder, secrets_dir=vault, log_level="error")
        ledger = stack.enter_context(open_for_sending(settings))
        add_many(ledger.connection, messages)
        started = start_run(
            ledger.connection,
            campaign(sink.port, signed=secure, tls=secure),
            key=ledger.key,
            actor="bench",
            at_once=True,
        )
        ledger.connection.execute("SELECT pg_stat_reset()")
        ledger.connection.execute("CHECKPOINT")
        ledger.connection.execute("INSERT INTO hold (scope, target, reason, actor) VALUES ('Everything','','b','b')")
        postmaster = EmbeddedServer(folder / "postgresql", bundled_bin(18)).postmaster_pid()
        crew = stack.enter_context(fleet(settings, workers=workers, slots=slots, log=folder / "workers.log"))
        time.sleep(2.5)  # until they have started: what a start costs is not what a mail costs
        members = [psutil.Process(pid) for pid in crew.pids()]
        before, server = [member.cpu_times() for member in members], server_seconds(postmaster)
        began = time.monotonic()
        ledger.connection.execute("UPDATE hold SET released_at = now()")
        while run_status(ledger.connection, [started.run_id])[0].waiting:
            time.sleep(0.2)
        took = time.monotonic() - began
        after, used = [member.cpu_times() for member in members], server_seconds(postmaster) - server
        memory = max(member.memory_info().rss for member in members) / 1e6
        worker = sum(b.user + b.system - a.user - a.system for a, b in zip(before, after, strict=True))
        accepted = len(sink.accepted())
    assert accepted == messages, f"{accepted} of {messages} were accepted"
    return {
        "worker_us": worker / messages * 1e6,
        "postgresql_us": used / messages * 1e6,
        "both_us": (worker + used) / messages * 1e6,
        "per_second": messages / took,
        "worker_mb": memory,
    }


def add_many(connection: Connection, count: int) -> None:
    """People by INSERT … SELECT; the hashes need not be true ones here, nothing reads them back."""
    connection.execute("INSERT INTO consent_subject (brand, topic, channel) VALUES ('shop', 'offers', 'Email')")
    connection.execute(
        "INSERT INTO contact (id, external_id, locale, attributes) SELECT n, 'c' || n, 'en', "
        """jsonb_build_object('first_name', 'Anna ' || n) FROM generate_series(1, %s) n""",
        (count,),
    )
    connection.execute(
        "INSERT INTO endpoint SELECT n, 'Email', 'user' || n || '@mail.example', "
        "substr(sha256(n::text::bytea), 1, 16), 'mail.example' FROM generate_series(1, %s) n",
        (count,),
    )
    connection.execute(
        "INSERT INTO consent (contact_id, subject, granted, at, source) SELECT n, 1, true, now(), 'b' "
        "FROM generate_series(1, %s) n",
        (count,),
    )
    connection.execute("ANALYZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    for way, secure in (("plain", False), ("TLS and DKIM", True)):
        rounds = [once(wanted.messages, wanted.workers, wanted.slots, secure=secure) for _ in range(wanted.rounds)]
        figures = {name: round(statistics.median(one[name] for one in rounds), 1) for name in rounds[0]}
        print(json.dumps({"bench": "sending", "way": way, **vars(wanted), **figures}), flush=True)


if __name__ == "__main__":
    main()
