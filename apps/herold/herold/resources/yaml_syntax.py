"""What libyaml says of text that is not YAML, with what to do about it."""

from __future__ import annotations

import yaml

from herold.errors import Mistake

_FIXES = (
    ("cannot start any token", "indent with spaces, and put text that begins with a special sign in quotes"),
    ("mapping values are not allowed", "put text that holds ': ' in quotes, and check the indentation"),
    ("found unexpected end of stream", "close the quotes or brackets that are open"),
    ("could not find expected ':'", "write a ':' after the key, and indent lines of long text deeper than their key"),
    ("did not find expected key", "check the indentation; in quoted text double the quotes ('')"),
    ("did not find expected '-' indicator", "begin every entry of the list with '- ', in one column"),
    ("did not find expected ',' or", "put a ',' between entries, and close the bracket"),
    ("unknown escape", "in double quotes write \\\\ for a backslash, or use single quotes"),
    ("undefined tag handle", "put text that begins with '!' in quotes"),
)


def syntax_mistake(file: str, error: yaml.YAMLError, text: str) -> Mistake:
    """The mistake that made the parser give up `text`."""
    problem = str(getattr(error, "problem", None) or "") or "this is not YAML"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if "cannot start any token" in problem or "tab" in problem:
        lines = text.splitlines()
        if line <= len(lines) and "\t" in lines[line - 1][: column + 1]:
            return Mistake(file, line, column, "", "is indented with a tab, which YAML forbids", "indent with spaces")
    fix = next((fix for words, fix in _FIXES if words in problem), "check quotes, brackets and indentation here")
    return Mistake(file, line, column, "", f"is not YAML: {problem}", fix)
