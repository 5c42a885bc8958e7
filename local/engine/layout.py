"""Where everything of a picture is: zones as bands one under the other, services beside them, lines in their own lanes.

A line leaves a box at a port of its own, runs along a lane of its own between two bands or beside them, and enters the
other box at a port of its own. So no line lies on another one, and none crosses a box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from local.engine.picture import SERVICES, Link, Part, Picture, Region

# In pixels. A letter of the two sizes is never wider than that.
WIDE, NARROW = 8, 7
LINE, PAD, GAP, LANE, PORT, MARGIN, HEAD = 17, 12, 26, 12, 34, 20, 24
BOX_HEIGHT = 52
LEAST_WIDTH = 104


@dataclass(frozen=True)
class Box:
    """A rectangle; `kind` says how it looks: region, network, zone, part. `lines`: its texts, the first one larger."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...] = ()

    @property
    def right(self) -> int:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The y of its lower side."""
        return self.y + self.height


@dataclass(frozen=True)
class Way:
    """A line by its corners, the last one at its arrow, with `label` beside it. `solid`: a way that is open."""

    points: tuple[tuple[int, int], ...]
    solid: bool
    label: str = ""


@dataclass
class Drawing:
    """All of it, in the order in which it is drawn."""

    width: int = 0
    height: int = 0
    boxes: list[Box] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)


def width_of(lines: tuple[str, ...]) -> int:
    """What a text needs, with some room around it."""
    return max(len(line) * (NARROW if number else WIDE) for number, line in enumerate(lines)) + 2 * PAD


def lay_out(picture: Picture) -> Drawing:
    """The drawing: regions one under the other, what belongs to none between them."""
    drawing, y = Drawing(), MARGIN
    worldwide = picture.of("", SERVICES)
    shared: dict[Part, Box] = {}
    plans = [_Plan(picture, region) for region in picture.regions]
    outer = max(plan.width for plan in plans)
    ends: list[tuple[Part, tuple[int, int], int]] = []
    for number, plan in enumerate(plans):
        ends += plan.draw(drawing, MARGIN, y, outer)
        y = drawing.boxes[plan.first].bottom + GAP
        if number == 0:
            x = MARGIN + 4 * LANE
            for part in worldwide:
                shared[part] = Box("part", x, y, max(LEAST_WIDTH, width_of(part.lines)), BOX_HEIGHT, part.lines)
                drawing.boxes.append(shared[part])
                x = shared[part].right + GAP
            y += (BOX_HEIGHT + GAP) if worldwide else 0
    for number, (part, start, lane) in enumerate(ends):
        box = shared[part]
        middle = box.y + (number + 1) * box.height // (len(ends) + 1)
        drawing.ways.append(
            Way((start, (start[0], lane), (MARGIN + LANE, lane), (MARGIN + LANE, middle), (box.x, middle)), False)
        )
    drawing.width, drawing.height = outer + 2 * MARGIN, y - GAP + MARGIN
    return drawing


class _Plan:
    """One region: sizes first, then places, then lines."""

    def __init__(self, picture: Picture, region: Region) -> None:
        self._region = region
        self._titles = [band.title for band in picture.bands]
        self._bands = [self._ordered(picture, band.zone) for band in picture.bands]
        self._services = list(picture.of(region.name, SERVICES))
        mine = [link for link in picture.links if link.source.region == region.name]
        # What this region has no box for (the other region, the world) is somebody else's to draw.
        here = {*self._services, *(part for band in self._bands for part in band)}
        self._links = [link for link in mine if link.target in here]
        self._out = [link for link in mine if not link.target.region]
        self.first = 0
        self._ports = Ports()
        for link, end, other in self._ends():
            self._ports.ask(link, end, other, self._side(end, other))
        self._widths = {part: self._width(part) for part in here}
        column = max((self._widths[part] for part in self._services), default=0)
        rows = [sum(self._widths[part] for part in band) + GAP * (len(band) - 1) for band in self._bands if band]
        self._network_width = max(rows) + 4 * PAD
        self._column = column
        self._between = GAP + LANE * sum(
            self._band_of(link.source) != self._band_of(link.target) for link in self._links
        )
        self.width = 2 * PAD + 2 * LANE + self._network_width + self._between + column + GAP

    def _ordered(self, picture: Picture, zone: str) -> list[Part]:
        """Who has the most lines stands in the middle, so that lines are short."""
        weights: dict[Part, int] = defaultdict(int)
        for link in picture.links:
            weights[link.source] += 1
            weights[link.target] += 1
        ordered: list[Part] = []
        for number, part in enumerate(sorted(picture.of(self._region.name, zone), key=lambda p: (-weights[p], p.name))):
            ordered.insert(0 if number % 2 else len(ordered), part)
        return ordered

    def _width(self, part: Part) -> int:
        return max(LEAST_WIDTH, width_of(part.lines), self._ports.need(part))

    def _band_of(self, part: Part) -> int | None:
        """The number of the band; None for services."""
        return next((number for number, band in enumerate(self._bands) if part in band), None)

    def _gap_of(self, link: Link) -> int | None:
        """The band under which the line runs along; None where it stays among the services."""
        bands = [band for part in (link.source, link.target) if (band := self._band_of(part)) is not None]
        return min(bands) if bands else None

    def draw(self, drawing: Drawing, x: int, y: int, outer: int) -> list[tuple[Part, tuple[int, int], int]]:
        """Add the region. Gives the lines that leave it: to whom, from where, and along which lane."""
        self.first = len(drawing.boxes)
        left = x + PAD + 2 * LANE
        places: dict[Part, Box] = {}
        lanes: dict[int, int] = {}
        zones: list[Box] = []
        top = y + HEAD + PAD
        network_top = 0
        for number, band in enumerate(self._bands):
            title = self._titles[number]
            if title and not zones:
                network_top = top
                top += HEAD
            height = BOX_HEIGHT + (HEAD + PAD if title else 0)
            if title:
                zones.append(Box("zone", left + PAD, top, self._network_width - 2 * PAD, height, (title,)))
            total = sum(self._widths[part] for part in band) + GAP * (len(band) - 1)
            place = left + (self._network_width - total) // 2
            for part in band:
                places[part] = Box(
                    "part", place, top + (HEAD if title else 0), self._widths[part], BOX_HEIGHT, part.lines
                )
                place += self._widths[part] + GAP
            lanes[number] = top + height + GAP // 2
            used = sum(self._gap_of(link) == number for link in self._links)
            used += sum(self._band_of(link.source) == number for link in self._out)
            top += height + GAP + LANE * used
        network = Box("network", left, network_top, self._network_width, top - network_top, (self._region.network,))
        beside = x + outer - PAD - GAP - self._column
        step = (network.bottom - (y + HEAD + PAD) - BOX_HEIGHT) // max(1, len(self._services) - 1)
        for number, part in enumerate(self._services):
            height = y + HEAD + PAD + number * min(step, BOX_HEIGHT + GAP)
            places[part] = Box("part", beside, height, self._column, BOX_HEIGHT, part.lines)
        bottom = max([network.bottom, *(places[part].bottom for part in self._services)]) + PAD
        drawing.boxes.append(Box("region", x, y, outer, bottom - y, (self._region.title,)))
        drawing.boxes += [network, *zones, *(places[part] for part in sorted(places, key=lambda p: (p.zone, p.name)))]
        return self._connect(drawing, places, lanes, network)

    def _connect(
        self, drawing: Drawing, places: dict[Part, Box], lanes: dict[int, int], network: Box
    ) -> list[tuple[Part, tuple[int, int], int]]:
        channel = network.right + GAP // 2
        for link in self._links:
            gap = self._gap_of(link)
            start, stop = (self._ports.of(link, end, places) for end in (link.source, link.target))
            if gap is None:
                # Among services: along their right side.
                far = places[link.source].right + GAP // 2
                points = [start, (far, start[1]), (far, stop[1]), stop]
            else:
                lane, lanes[gap] = lanes[gap], lanes[gap] + LANE
                if self._band_of(link.source) is None:
                    points = [start, (channel, start[1]), (channel, lane), (stop[0], lane), stop]
                    channel += LANE
                elif self._band_of(link.target) is None:
                    points = [start, (start[0], lane), (channel, lane), (channel, stop[1]), stop]
                    channel += LANE
                elif abs(start[0] - stop[0]) <= 8:
                    points = [(stop[0], start[1]), stop]
                else:
                    points = [start, (start[0], lane), (stop[0], lane), stop]
            drawing.ways.append(Way(tuple(points), bool(link.label), link.label))
        leaving = []
        for link in self._out:
            gap = self._band_of(link.source)
            assert gap is not None, f"{link.source.name} is in no zone: no line to {link.target.name} is drawn"
            leaving.append((link.target, self._ports.of(link, link.source, places), lanes[gap]))
            lanes[gap] += LANE
        return leaving

    def _ends(self) -> Iterator[tuple[Link, Part, Part]]:
        for link in self._links:
            yield link, link.source, link.target
            yield link, link.target, link.source
        for link in self._out:
            yield link, link.source, link.target

    def _side(self, end: Part, other: Part) -> str:
        """The side at which a line meets a box."""
        mine, theirs = self._band_of(end), self._band_of(other)
        if mine is None:
            return "right" if theirs is None else "left"
        return "top" if theirs is not None and theirs < mine else "bottom"


class Ports:
    """Where lines meet boxes: side by side, in the order of where they go, with room for the words at an arrow."""

    def __init__(self) -> None:
        self._asked: dict[tuple[Part, str], list[tuple[Link, Part]]] = defaultdict(list)

    def ask(self, link: Link, end: Part, other: Part, side: str) -> None:
        """A line will meet this side of the box."""
        self._asked[end, side].append((link, other))

    def need(self, end: Part) -> int:
        """The width that the box must have for its ports."""
        return max(sum(self._room(link, end) for link, _ in self._asked[end, side]) for side in ("top", "bottom"))

    def of(self, link: Link, end: Part, places: dict[Part, Box]) -> tuple[int, int]:
        """The point."""
        box = places[end]
        for side in ("top", "bottom", "left", "right"):
            asked = sorted(self._asked[end, side], key=lambda pair: (_middle(places.get(pair[1])), pair[0].label))
            lines = [one for one, _ in asked]
            if link not in lines:
                continue
            before = lines[: lines.index(link)]
            if side in ("left", "right"):
                y = box.y + (len(before) + 1) * box.height // (len(lines) + 1)
                return (box.x if side == "left" else box.right), y
            rooms = [self._room(one, end) for one in lines]
            x = box.x + (box.width - sum(rooms)) // 2 + sum(rooms[: len(before)]) + PORT // 2
            # Above and below a gap ports are of other columns: nobody's line goes on as somebody else's.
            return x // 16 * 16 + (8 if side == "top" else 0), (box.y if side == "top" else box.bottom)
        raise KeyError((link, end))

    @staticmethod
    def _room(link: Link, end: Part) -> int:
        return PORT + (NARROW * len(link.label) if link.target == end else 0)


def _middle(box: Box | None) -> int:
    return box.x + box.width // 2 if box else 0
