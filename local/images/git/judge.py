#!/usr/bin/python3.11
"""Git's hook `update`: what no team may bring in is refused at the push, in words that say what to do.

A link that leaves the repository makes Argo CD refuse every folder of it, also those of other teams. Elsewhere a check
that must pass before the merge does the same: `herold plan --changed`.
"""

from __future__ import annotations

import subprocess
import sys

FOLDER = "gitops/campaigns"
LARGEST = 1 << 20
LINK, SUBMODULE = "120000", "160000"


def find_faults(listed: str) -> list[str]:
    """One line for each file that must not come in; `listed` is of `git ls-tree -r -l -z`."""
    faults = []
    for line in filter(None, listed.split("\0")):
        facts, path = line.split("\t", 1)
        mode, _, _, size = facts.split()
        if mode == LINK:
            faults.append(f"{path}: a symbolic link; put the file itself there")
        elif mode == SUBMODULE:
            faults.append(f"{path}: a submodule; put the files themselves there")
        elif int(size) > LARGEST:
            faults.append(f"{path}: {int(size)} bytes; at most {LARGEST}")
    return faults


def main() -> int:
    """Git gives the name of the branch, the commit before and the one that is pushed."""
    commit = sys.argv[3]
    if not commit.strip("0"):
        return 0
    command = ["git", "ls-tree", "-r", "-l", "-z", commit, "--", FOLDER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    faults = find_faults(done.stdout)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
