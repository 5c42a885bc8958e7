"""Names in a file of contacts: columns or fields that nothing declares, twice there, or missing."""

from __future__ import annotations

from difflib import get_close_matches

from herold.errors import InvalidInput, Mistake


def near(name: str, known: list[str]) -> str:
    """What was probably meant by an unknown name."""
    found = get_close_matches(name, known, n=1)
    return f"write {found[0]}" if found else "remove it, or declare it in the ContactSchema"


def check_header(header: list[str], known: list[str], needed: tuple[str, ...], *, file: str) -> None:
    """Raises InvalidInput that names every column that is unknown, twice there, or missing."""
    mistakes = [
        Mistake(file, 1, index + 1, name or f"column {index + 1}", "is not a column known here", near(name, known))
        for index, name in enumerate(header)
        if name not in known
    ]
    mistakes += [
        Mistake(file, 1, index + 1, name, "stands here twice", "remove one of the two columns")
        for index, name in enumerate(header)
        if name in known and name in header[:index]
    ]
    mistakes += [
        Mistake(file, 1, 1, name, "is missing", "add the column; each row needs it")
        for name in needed
        if name not in header
    ]
    if mistakes:
        raise InvalidInput(mistakes, what="columns")
