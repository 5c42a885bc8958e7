"""Charts of docs/benchmarks.md, from the figures in build/bench.

    .venv/bin/python tests/bench/charts.py

Writes docs/benchmarks/*.svg; a chart whose figures are not there is left as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "herold", "font.family": "sans-serif", "font.size": 9})
from matplotlib import pyplot as plt  # noqa: E402 - the backend is chosen first

FIGURES = Path("build/bench")
CHARTS = Path("docs/benchmarks")
OURS, OTHERS = "#0b6e4f", "#9aa0a6"


def bars(name: str, title: str, unit: str, rows: list[tuple[str, float]], limit: float | None = None) -> None:
    """Horizontal bars, the first on top; ours in colour; `limit` is the bar to reach."""
    figure, axes = plt.subplots(figsize=(7.2, 0.36 * len(rows) + 0.9))
    labels = [label for label, _ in rows][::-1]
    values = [value for _, value in rows][::-1]
    drawn = axes.barh(labels, values, color=[OURS if "herold" in label else OTHERS for label in labels])
    axes.bar_label(drawn, labels=[f"{value:,.0f}" if value >= 100 else f"{value:g}" for value in values], padding=3)
    if limit is not None:
        axes.axvline(limit, color="#b3261e", linestyle="--", linewidth=1)
        axes.text(limit, len(rows) - 0.4, f" bar {limit:g}", color="#b3261e", va="bottom")
    axes.set_title(f"{title} ({unit})", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(CHARTS / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def read(name: str) -> list[dict[str, Any]]:
    """The JSON documents that a bench printed; none when it did not run."""
    path = FIGURES / f"{name}.json"
    if not path.exists():
        return []
    decoder, text, found = json.JSONDecoder(), path.read_text().strip(), []
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found


def main() -> None:
    CHARTS.mkdir(parents=True, exist_ok=True)
    for figures in read("smtp"):
        told = {name: one for name, one in figures["clients"].items() if isinstance(one, dict)}
        bars("smtp-cpu", "SMTP clients, 5 KB messages: CPU of the client", "us a message",
             [(name, one["client_cpu_us"]) for name, one in told.items()])  # fmt: skip
    for figures in read("message"):
        bars("message", "Building one message, HTML and text", "us",
             [("herold", figures["html_and_text"]["build"]),
              ("jinja2 and EmailMessage", figures["html_and_text by jinja2 and EmailMessage"])])  # fmt: skip
    rows = []
    for figures in read("sending"):
        rows += [
            (f"herold, {figures['way']}: worker", figures["worker_us"]),
            (f"herold, {figures['way']}: PostgreSQL", figures["postgresql_us"]),
        ]
    if rows:
        bars("sending", "One accepted mail, all checks on: CPU", "us", rows)


if __name__ == "__main__":
    main()
