"""How long 5,000 files take to read and check: a figure, not a check (`pytest -m bench -s tests/resources`)."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from herold.resources.catalogue import load
from resources.worlds import CAMPAIGN, SEGMENT, TEMPLATE, WORLD

TRIPLES = 1_666


@pytest.mark.bench
def test_five_thousand_files_are_read_and_checked_in_seconds(tmp_path: Path) -> None:
    for name in ("schema.yaml", "sender.yaml"):
        (tmp_path / name).write_text(WORLD[name])
    for number in range(TRIPLES):
        mine = f"-{number}"
        texts = {
            "campaign": CAMPAIGN.replace("{name: spring", f"{{name: spring{mine}").replace("buyers", f"buyers{mine}"),
            "segment": SEGMENT.replace("buyers", f"buyers{mine}"),
            "template": TEMPLATE.replace("{name: spring", f"{{name: spring{mine}"),
        }
        for kind, text in texts.items():
            (tmp_path / f"{kind}{mine}.yaml").write_text(text)
    began, began_cpu = time.perf_counter(), time.process_time()
    catalogue = load([tmp_path], shared_namespace="shared")
    figure = {
        "files": len(list(tmp_path.iterdir())),
        "resources": len(catalogue.resources),
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - began_cpu, 2),
    }
    print(json.dumps(figure))
    assert len(catalogue.resources) == 3 * TRIPLES + 2
