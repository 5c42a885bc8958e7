"""The picture of a stack: it says what the graph says, and a person can read it."""

from __future__ import annotations

from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from local.engine.diagram import draw, label_box, picture_of
from local.engine.layout import NARROW, WIDE, Box, Drawing, Way, lay_out
from local.engine.picture import Picture, read_picture
from local.engine.recording import Recorded

STACKS = ("prod", "staging", "local")


@pytest.fixture(params=STACKS)
def picture(request: pytest.FixtureRequest) -> Picture:
    recorded: Recorded = request.getfixturevalue(request.param)
    return picture_of(recorded)


@pytest.fixture
def drawing(picture: Picture) -> Drawing:
    return lay_out(picture)


def said(picture: Picture) -> set[tuple[str, str, str]]:
    return {(link.source.name, link.target.name, link.label) for link in picture.links if link.label}


def test_every_component_of_the_stack_has_a_place(prod: Recorded) -> None:
    names = {
        urn.rpartition("::")[2] for urn in prod.parents if "herold:aws:" in urn.rpartition("::")[0].rpartition("::")[2]
    }
    components = {name for name in names if name in {urn.rpartition("::")[2] for urn in set(prod.parents.values())}}
    shown = {f"{part.region}-{part.name}".removeprefix("-") for part in read_picture(prod).parts}
    missing = {name for name in components - shown if not name.endswith(("-keys", "-network", "-nodes"))}
    assert missing == set()


def test_ways_are_the_open_ports_of_security_groups(prod: Recorded) -> None:
    ways = said(read_picture(prod))
    for way in (
        ("internet", "edge", "80, 443"),
        ("cluster", "database", "5432"),
        ("cluster", "cache", "6379"),
        ("cluster", "queue", "5671"),
        ("cluster", "log-store", "443"),
        ("dashboards", "log-store", "443"),
        ("metrics", "cluster", "443, 8080"),
    ):
        assert way in ways
    assert {source for source, target, _ in ways if target in ("database", "cache", "queue")} == {"cluster"}


def test_the_active_region_comes_first_and_the_data_zone_holds_what_keeps_data(prod: Recorded) -> None:
    picture = read_picture(prod)
    assert [region.title for region in picture.regions] == ["eu-central-1, active", "eu-west-1, standby"]
    data = {part.name for part in picture.of("eu-central-1", "data")}
    assert data == {"database", "cache", "queue", "log-store"}


def test_inside_of_a_cluster_only_who_works_on_the_ledger_is_let_in_to_it(local: Recorded) -> None:
    picture = picture_of(local)
    assert {part.name for part in picture.parts if part.zone == "herold-data"} == {"postgres", "redis", "rabbitmq"}
    clients = {(link.source.name, link.source.fact, link.target.name, link.label) for link in picture.links}
    assert clients == {
        ("herold-operator", "herold-platform", "postgres", "5432"),
        ("herold-reader", "herold-platform", "postgres", "5432"),
        ("uses: ledger", "herold-platform", "postgres", "5432"),
        ("managed-by: herold-operator", "herold-senders", "postgres", "5432"),
    }


def overlaps(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def inside(inner: Box, outer: Box) -> bool:
    return outer.x <= inner.x and outer.y <= inner.y and inner.right <= outer.right and inner.bottom <= outer.bottom


def test_no_box_lies_on_another_one_and_all_are_inside_of_the_drawing(drawing: Drawing) -> None:
    parts = [box for box in drawing.boxes if box.kind == "part"]
    assert [(one.lines, other.lines) for one, other in combinations(parts, 2) if overlaps(one, other)] == []
    for one, other in combinations(drawing.boxes, 2):
        assert not overlaps(one, other) or inside(one, other) or inside(other, one), (one, other)
    sheet = Box("sheet", 0, 0, drawing.width, drawing.height)
    assert all(inside(box, sheet) for box in drawing.boxes)
    assert all(0 < x < drawing.width and 0 < y < drawing.height for way in drawing.ways for x, y in way.points)


def test_every_text_fits_into_its_box(drawing: Drawing) -> None:
    for box in drawing.boxes:
        for number, line in enumerate(box.lines):
            assert len(line) * (NARROW if number else WIDE) < box.width, line


def segments(way: Way) -> list[Box]:
    """Its pieces, as boxes without a width."""
    found = []
    for (x, y), (to_x, to_y) in pairwise(way.points):
        assert x == to_x or y == to_y, "a line that is neither upright nor level"
        found.append(Box("line", min(x, to_x), min(y, to_y), abs(to_x - x), abs(to_y - y)))
    return found


def test_no_line_crosses_a_box_or_lies_on_another_line(drawing: Drawing) -> None:
    parts = [box for box in drawing.boxes if box.kind == "part"]
    for way in drawing.ways:
        for piece in segments(way):
            assert not [box.lines for box in parts if overlaps(piece, box)], way
    for one, other in combinations(drawing.ways, 2):
        for piece in segments(one):
            for another in segments(other):
                level = piece.height == another.height == 0 and piece.y == another.y
                upright = piece.width == another.width == 0 and piece.x == another.x
                assert not (level and piece.x < another.right and another.x < piece.right), (one, other)
                assert not (upright and piece.y < another.bottom and another.y < piece.bottom), (one, other)


def test_no_port_is_hidden_by_a_box_another_port_or_a_line(drawing: Drawing) -> None:
    labels = [label_box(way) for way in drawing.ways if way.label]
    parts = [box for box in drawing.boxes if box.kind == "part"]
    assert [pair for pair in combinations(labels, 2) if overlaps(*pair)] == []
    for label in labels:
        assert [box.lines for box in parts if overlaps(label, box)] == []
        assert [way for way in drawing.ways for piece in segments(way) if overlaps(label, piece)] == []


@pytest.mark.parametrize("stack", STACKS)
def test_the_file_is_svg_that_fetches_nothing_and_has_its_own_ground(
    stack: str, request: pytest.FixtureRequest
) -> None:
    text = draw(request.getfixturevalue(stack))
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in text
    assert root.find("{http://www.w3.org/2000/svg}rect").get("class") == "ground"  # type: ignore[union-attr]
    assert not any(
        word in text.replace("http://www.w3.org/2000/svg", "") for word in ("http", "href", "url(", "<script")
    )
