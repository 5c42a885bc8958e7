"""A sender as many are written, to prove that the oracle sees what it must see.

    python naive.py before|after URL PORT CAMPAIGN

It keeps how far it got in a table, and stores that either `before` it sends what it fetched, or `after`. Killed and
started again, the first loses messages and the second sends some twice.
"""

from __future__ import annotations

import smtplib
import sys

import psycopg

BATCH = 50


def prepare(connection: psycopg.Connection[tuple[object, ...]], addresses: list[str]) -> None:
    """The queue and the progress of such a sender."""
    connection.execute("CREATE TABLE naive_queue (position integer PRIMARY KEY, address text NOT NULL)")
    connection.execute("CREATE TABLE naive_progress (position integer NOT NULL)")
    connection.execute("INSERT INTO naive_progress VALUES (0)")
    with connection.cursor() as cursor, cursor.copy("COPY naive_queue FROM STDIN") as copy:
        for position, address in enumerate(addresses, start=1):
            copy.write_row((position, address))


def main(stored: str, url: str, port: int, campaign: str) -> None:
    """Until the queue is empty."""
    with psycopg.connect(url, autocommit=True) as connection, smtplib.SMTP("127.0.0.1", port) as relay:
        while True:
            batch = connection.execute(
                "SELECT position, address FROM naive_queue WHERE position > (SELECT position FROM naive_progress) "
                "ORDER BY position LIMIT %s",
                (BATCH,),
            ).fetchall()
            if not batch:
                return
            progress = (batch[-1][0],)
            if stored == "before":
                connection.execute("UPDATE naive_progress SET position = %s", progress)
            for _, address in batch:
                message = f"Feedback-ID: {campaign}\r\nTo: {address}\r\nSubject: Hello\r\n\r\nHello\r\n"
                relay.sendmail("news@shop.example", [address], message)
            if stored == "after":
                connection.execute("UPDATE naive_progress SET position = %s", progress)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
