"""Whole runs by real worker processes that have the worker's role and a brand, on each version of PostgreSQL."""

from __future__ import annotations

from psycopg.conninfo import conninfo_to_dict

from chaos.rig import rig_on, wait_until
from herold.ledger.counts import run_status
from herold.ledger.database import Connection
from herold.ledger.holds import hold, release
from herold.ledger.roles import WORKER
from herold.ledger.runs import start_run
from parts.brands import SHOP, TRAVEL, campaign_of
from parts.logins import login


def test_a_worker_with_its_role_alone_sends_a_run_from_the_first_claim_to_the_close(
    any_database: str, any_connection: Connection
) -> None:
    # A pause of the lane and its end, another try, an address that does not exist, a domain that was held: all that a
    # worker writes beside windows.
    faults = ("--fault", "421=user1", "--fault", "451=user2", "--fault", "5.1.1=user3")
    retry = {"firstDelay": "1s", "maxDelay": "1s", "maxAttempts": 3}
    with (
        rig_on(any_database, 60, sink=faults) as world,
        login(any_connection, WORKER, brands=(SHOP,)) as url,
    ):
        run_id = world.start(world.campaign(sender={"retry": retry}))
        held = hold(world.connection, "Domain", "mail.example", reason="test", actor="test")
        worker = world.worker(database_url=url)
        parked = "SELECT count(*) FROM retry WHERE held_by IS NOT NULL"
        wait_until(lambda: any_connection.execute(parked).fetchone() == (60,), "all of the domain wait")
        release(world.connection, held, actor="test")
        status = world.wait_closed(run_id)
        reached = sorted(world.accepted())
        assert world.terminate(worker) == 0
    assert reached == sorted(set(world.addresses) - {"user3@mail.example"})
    assert (status.sent, status.failed, status.uncertain) == (59, 1, 0)
    assert any_connection.execute("SELECT reason FROM suppression").fetchall() == [("HardBounce",)]
    ended = any_connection.execute("SELECT ended_at IS NOT NULL, login FROM worker").fetchall()
    assert ended == [(True, conninfo_to_dict(url)["user"])]


def test_a_killed_worker_is_taken_over_by_another_login_of_its_brand(
    any_database: str, any_connection: Connection
) -> None:
    with (
        rig_on(any_database, 300, sink=("--accept-rate", "200")) as world,
        login(any_connection, WORKER, brands=(SHOP,)) as first,
        login(any_connection, WORKER, brands=(SHOP, TRAVEL)) as second,
    ):
        run_id = world.start(world.campaign(per_second="200"))
        victim = world.worker(database_url=first)
        world.wait_accepted(50)
        world.kill(victim)
        world.worker(database_url=second)
        status = world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert status.sent + status.uncertain == 300
    assert status.uncertain <= 1  # the evidence settles all but the message that was on the wire


def test_a_brand_waits_for_workers_of_its_own(any_database: str, any_connection: Connection) -> None:
    with (
        rig_on(any_database, 40) as world,
        login(any_connection, WORKER, brands=(SHOP,)) as shop,
        login(any_connection, WORKER, brands=(TRAVEL,)) as travel,
    ):
        world.connection.execute(
            "INSERT INTO consent_subject (brand, topic, channel) VALUES ('travel', 'offers', 'Email')"
        )
        world.connection.execute(
            "INSERT INTO consent (contact_id, subject, granted, at, source) SELECT id, (SELECT id FROM consent_subject "
            "WHERE brand = 'travel'), true, now(), 'test' FROM contact"
        )
        runs = {
            brand: start_run(
                world.connection, campaign_of(brand, port=world.sink.port), key=world.key, actor="t", at_once=True
            ).run_id
            for brand in (SHOP, TRAVEL)
        }
        world.worker(database_url=shop)
        world.wait_closed(runs[SHOP])
        (waiting,) = run_status(world.connection, [runs[TRAVEL]])
        assert (waiting.sent, waiting.waiting) == (0, 40)
        world.worker(database_url=travel)
        assert world.wait_closed(runs[TRAVEL]).sent == 40
        for brand in (SHOP, TRAVEL):
            assert sorted(world.accepted(f"hello-{brand}")) == sorted(world.addresses)
