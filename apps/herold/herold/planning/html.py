"""The plan as one page that opens without network: samples as mail clients show them, charts, tables beside them."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from minijinja import Environment

from herold.planning import words
from herold.planning.page import Markup, Row, bar_chart, column_chart, document
from herold.planning.plan import Kind, Plan, Sample

TOP = 12
_KINDS: dict[Kind, str] = {
    "Rich": "Somebody well known (made up)",
    "Bare": "Somebody of whom only the needed is known (made up)",
    "Hostile": "Somebody with long and harmful values (made up)",
    "Real": "A real person. Keep this page on this machine.",
}


def as_html(plan: Plan) -> str:
    """A whole document. It runs no script and loads nothing; frames of samples are sandboxed."""
    body = _environment().render_template(
        "page.html",
        plan=plan,
        headline=words.headline(plan),
        top=TOP,
        kinds=_KINDS,
        locales=_by_locale(plan),
        funnel=_funnel(plan),
        domains=_domains(plan),
        by_locale=_locales(plan),
        by_zone=_zones(plan),
        timeline=_timeline(plan),
        step=_step(plan.pace.step),
    )
    return document(f"Plan: {plan.campaign}", body)


@cache
def _environment() -> Environment:
    environment = Environment(
        debug=False,
        undefined_behavior="strict",
        auto_escape_callback=lambda name: True,
        trim_blocks=True,
        lstrip_blocks=True,
        filters={
            "number": words.number,
            "signed": words.signed,
            "people": words.people,
            "share": words.share,
            "spaced": words.spaced,
            "money": words.money,
            "length": words.length,
            "length_of": len,
            "moment": words.moment,
            "short": words.short_moment,
            "place": words.place,
            "line": words.one_line,
        },
    )
    environment.add_template("page.html", (resources.files("herold.planning") / "page.html").read_text())
    return environment


def _by_locale(plan: Plan) -> list[tuple[str, list[Sample]]]:
    found: dict[str, list[Sample]] = {}
    for sample in plan.samples:
        found.setdefault(sample.locale, []).append(sample)
    return list(found.items())


def _told(count: int, plan: Plan) -> str:
    return f"{words.number(count)} · {words.share(count, plan.size)}"


def _funnel(plan: Plan) -> Markup:
    whole = plan.size + plan.left_out_people
    rows = [
        Row("In the segments", whole, words.number(whole), quiet=True),
        *(
            Row(words.spaced(each.reason), each.people, f"−{words.number(each.people)}", quiet=True)
            for each in plan.left_out
        ),
        Row("Get the message", plan.size, words.number(plan.size)),
    ]
    return bar_chart(rows, label="From everybody in the segments to those who get the message")


def _domains(plan: Plan) -> Markup:
    rows = [Row(str(cell.name), cell.people, _told(cell.people, plan)) for cell in plan.domains[:10]]
    rest = plan.size - sum(cell.people for cell in plan.domains[:10])
    more = plan.other_domains + max(0, len(plan.domains) - 10)
    if rest > 0 and more:
        rows.append(Row(f"{words.number(more)} other domains", rest, _told(rest, plan), quiet=True))
    return bar_chart(rows, label="People by domain")


def _locales(plan: Plan) -> Markup:
    rows = [Row(cell.name or "unknown", cell.people, _told(cell.people, plan)) for cell in plan.locales[:10]]
    return bar_chart(rows, label="People by locale")


def _zones(plan: Plan) -> Markup:
    rows = [
        Row((cell.name or "unknown").replace("_", " "), cell.people, _told(cell.people, plan))
        for cell in plan.zones[:10]
    ]
    rest = sum(cell.people for cell in plan.zones[10:])
    if rest:
        rows.append(Row(f"{len(plan.zones) - 10} other zones", rest, _told(rest, plan), quiet=True))
    return bar_chart(rows, label="People by time zone")


def _timeline(plan: Plan) -> Markup:
    zone = ZoneInfo(plan.time_zone)
    days = {bar.start.astimezone(zone).date() for bar in plan.pace.bars}

    def name(at: datetime) -> str:
        local = at.astimezone(zone)
        if plan.pace.step >= 86_400:
            return f"{local.day} {local:%b}"
        return f"{local.day} {local:%b} {local:%H:%M}" if len(days) > 1 else f"{local:%H:%M}"

    columns = [Row(name(bar.start), bar.sent) for bar in plan.pace.bars]
    return column_chart(columns, label=f"Messages sent, in steps of {_step(plan.pace.step)}")


def _step(seconds: int) -> str:
    if seconds < 3_600:
        return f"{seconds // 60} min"
    return f"{seconds // 3_600} h" if seconds < 86_400 else f"{seconds // 86_400} d"
