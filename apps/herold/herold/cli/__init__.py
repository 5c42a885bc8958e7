"""The command line `herold`: one module a command. Each imports what it needs when it runs, so that help is quick."""

from __future__ import annotations

from herold.cli.entry import main

__all__ = ["main"]
