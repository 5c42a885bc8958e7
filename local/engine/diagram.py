"""A stack as a drawing (SVG), on light and dark grounds; the same bytes for the same stack."""

from __future__ import annotations

from html import escape

from local.engine.cluster_picture import read_cluster_picture
from local.engine.layout import HEAD, LINE, NARROW, PAD, Box, Drawing, Way, lay_out
from local.engine.picture import Picture, read_picture
from local.engine.recording import Recorded

FONT = "ui-sans-serif, system-ui, 'DejaVu Sans', sans-serif"
ARROW = 5
STYLE = f"""
svg {{ --ground: #ffffff; --region: #f3f5f8; --network: #e6ecf4; --zone: #f8fafc; --part: #ffffff;
  --line: #5b6675; --edge: #aab4c2; --ink: #1c2430; --faint: #55606e; --way: #1d5fa8; font-family: {FONT}; }}
@media (prefers-color-scheme: dark) {{ svg {{ --ground: #12161c; --region: #1a2029; --network: #202834; --zone: #171d26;
  --part: #2a3442; --line: #93a0b0; --edge: #46525f; --ink: #eef2f7; --faint: #b3bdc9; --way: #7db7f2; }} }}
text {{ fill: var(--ink); font-size: 13px; }}
text.small {{ fill: var(--faint); font-size: 11.5px; }}
text.port {{ fill: var(--way); font-size: 11.5px; }}
rect {{ stroke: var(--edge); }}
.ground {{ fill: var(--ground); stroke: none; }} .region {{ fill: var(--region); }}
.network {{ fill: var(--network); }} .zone {{ fill: var(--zone); stroke-dasharray: 4 3; }}
.part {{ fill: var(--part); stroke: var(--line); }}
.way {{ fill: none; stroke: var(--way); stroke-width: 1.5; }}
.uses {{ fill: none; stroke: var(--line); stroke-dasharray: 5 4; }}
.tip {{ fill: var(--way); stroke: none; }} .end {{ fill: var(--line); stroke: none; }}
"""
SOLID = "solid: may open a connection, at these ports"
DASHED = "dashed: is made with something of the other; keys and networks are behind nearly everything, and not drawn"


def picture_of(recorded: Recorded) -> Picture:
    """What is drawn of a stack: networks of a cloud, or namespaces of a cluster."""
    in_cloud = any(recorded.graph.of("ec2/vpc:Vpc"))
    return read_picture(recorded) if in_cloud else read_cluster_picture(recorded)


def draw(recorded: Recorded) -> str:
    """The file's text."""
    picture = picture_of(recorded)
    return write_svg(lay_out(picture), f"{picture.stack}: what stands where, and who reaches whom")


def write_svg(drawing: Drawing, title: str) -> str:
    """SVG, without anything that a reader of a page would have to fetch."""
    legend = [SOLID, *([DASHED] if any(not way.solid for way in drawing.ways) else [])]
    height = drawing.height + LINE * len(legend)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width} {height}" width="{drawing.width}"'
        f' height="{height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{drawing.width}" height="{height}"/>',
    ]
    for box in drawing.boxes:
        lines += _box(box)
    for way in drawing.ways:
        lines += _way(way)
    for number, words in enumerate(legend):
        lines.append(_text(2 * PAD, drawing.height + LINE * number + 4, words, "small"))
    return "\n".join([*lines, "</svg>", ""])


def _box(box: Box) -> list[str]:
    lines = [f'<rect class="{box.kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="5"/>']
    if box.kind != "part":
        # Lines out of a region run along its left side.
        x, kind = (box.x + 3 * PAD, "") if box.kind == "region" else (box.x + PAD, "small")
        return [*lines, _text(x, box.y + HEAD - 6, box.lines[0], kind)]
    middle = box.y + box.height // 2 + 5 - (LINE // 2 if len(box.lines) > 1 else 0)
    for number, line in enumerate(box.lines):
        centre = f'text-anchor="middle" x="{box.x + box.width // 2}" y="{middle + number * LINE}"'
        lines.append(f"<text{' class=' + chr(34) + 'small' + chr(34) if number else ''} {centre}>{escape(line)}</text>")
    return lines


def _way(way: Way) -> list[str]:
    (x, y), (before_x, before_y) = way.points[-1], way.points[-2]
    points = " ".join(f"{px},{py}" for px, py in way.points)
    right, down = (x > before_x) - (x < before_x), (y > before_y) - (y < before_y)
    back_x, back_y = x - 2 * ARROW * right, y - 2 * ARROW * down
    tip = f"{x},{y} {back_x - ARROW * down},{back_y - ARROW * right} {back_x + ARROW * down},{back_y + ARROW * right}"
    lines = [
        f'<polyline class="{"way" if way.solid else "uses"}" points="{points}"/>',
        f'<polygon class="{"tip" if way.solid else "end"}" points="{tip}"/>',
    ]
    if way.label:
        lines.append(_text(x + 6, y - 4 if down > 0 else y + 14, way.label, "port"))
    return lines


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    return f'<text{f" class={chr(34)}{kind}{chr(34)}" if kind else ""} x="{x}" y="{y}">{escape(text)}</text>'


def label_box(way: Way) -> Box:
    """Where the text beside an arrow is: for whoever asks whether it lies on something."""
    (x, y), (_, before_y) = way.points[-1], way.points[-2]
    return Box("label", x + 6, y - 4 - LINE if y > before_y else y + 3, NARROW * len(way.label), LINE)
