"""`python -m herold_reader`: the read service as a process, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys

from herold.errors import HeroldError
from herold.journal import Journal
from herold_reader.running import serve
from herold_reader.settings import read_reader_settings


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit codes are those of `herold`."""
    try:
        settings, own = read_reader_settings()
    except HeroldError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    journal = Journal("reader", settings.log_level)
    journal.take_over()

    async def run() -> None:
        stop = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        await serve(settings, own, journal, stop)
        journal.write("info", "stopped")

    try:
        asyncio.run(run())
    except HeroldError as error:
        journal.write("error", "ended", error=type(error).__name__, message=error.message[:500])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
