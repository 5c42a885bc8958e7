"""`python -m herold_operator`: the operator as a process, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys

from herold.errors import HeroldError
from herold.journal import Journal
from herold_operator.health import Health, serve_health
from herold_operator.leadership import Leadership
from herold_operator.running import operate
from herold_operator.settings import read_operator_settings


def main() -> int:
    """Run until SIGTERM or SIGINT. Exit codes are those of `herold`."""
    try:
        settings, own = read_operator_settings()
    except HeroldError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    journal = Journal("operator", settings.log_level)
    journal.take_over()

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop.set)
        journal.write("info", "started", identity=own.identity)
        leading = asyncio.Event()
        health = Health()
        leadership = Leadership(own, journal, health, lambda: _tell(loop, leading))
        server = await serve_health(health, own.health_port) if own.health_port else None
        leadership.start()
        try:
            await operate(settings, own, journal, health, leadership, leading, stop)
        finally:
            await asyncio.to_thread(leadership.stop)
            if server is not None:
                await server.cleanup()
        journal.write("info", "stopped", identity=own.identity)

    try:
        asyncio.run(run())
    except HeroldError as error:
        journal.write("error", "ended", error=type(error).__name__, message=error.message[:500])
        return error.exit_code
    return 0


def _tell(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


if __name__ == "__main__":
    sys.exit(main())
