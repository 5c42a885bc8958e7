"""`kubectl-campaign`, as kubectl calls it, and `kubectl_complete-campaign`, which kubectl asks for completions."""

from __future__ import annotations

from collections.abc import Sequence

from herold.cli.entry import run

PROGRAM = "kubectl campaign"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code, as those of `herold`. `argv` is without the program's name."""
    from herold_kubectl.root import campaign

    return run(campaign, PROGRAM, argv)


def complete(argv: Sequence[str] | None = None) -> int:
    """Print what may stand for the last word, one a line, and kubectl's directive: no names of files.

    https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
    """
    import sys

    from click.shell_completion import ShellComplete

    from herold_kubectl.root import campaign

    words = list(sys.argv[1:] if argv is None else argv) or [""]
    found = ShellComplete(campaign, {}, PROGRAM, "").get_completions(words[:-1], words[-1])
    for each in found:
        print(f"{each.value}\t{each.help}" if each.help else each.value)
    print(":4")
    return 0
