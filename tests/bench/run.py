"""All benches, one after the other, so that none disturbs another; figures to build/bench/.

    make bench            sizes for a few minutes
    make bench FULL=1     the sizes of docs/benchmarks.md; about an hour, 40 GB of disk

Each script prints JSON; it is shown, and kept as build/bench/<name>.json.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
OUTPUT = Path("build/bench")

SMALL: dict[str, list[str]] = {
    "message": [],
    "smtp": [],
    "sending": ["--messages", "20000"],
    "ledger": ["--rows", "2000000", "--seconds", "10"],
    "audience": ["--contacts", "200000", "--events", "4000000"],
    "plan": ["--contacts", "200000"],
    "contacts": ["--rows", "100000"],
    "operator": ["--campaigns", "200", "--restart", "500", "--changes", "50", "--rounds", "1"],
}
FULL: dict[str, list[str]] = {
    "message": [],
    "smtp": [],
    "sending": ["--messages", "40000"],
    "ledger": ["--rows", "100000000", "--run", "1000000", "--people", "2000000", "--seconds", "600"],
    "audience": ["--contacts", "1000000", "--events", "20000000"],
    "plan": ["--contacts", "1000000"],
    "contacts": ["--rows", "1000000"],
    "operator": ["--campaigns", "1000", "--restart", "5000", "--rounds", "3"],
}


def main() -> int:
    full = "--full" in sys.argv[1:]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    failed = []
    for name, arguments in (FULL if full else SMALL).items():
        command = [sys.executable, str(HERE / f"bench_{name}.py"), *arguments]
        print(f"== {name}: {' '.join(['python', f'tests/bench/bench_{name}.py', *arguments])}", flush=True)
        began = time.monotonic()
        with (OUTPUT / f"{name}.json").open("w") as file:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                file.write(line)
        if process.wait() != 0:
            failed.append(name)
        print(f"   {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
