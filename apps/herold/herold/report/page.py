"""The report as one page that loads nothing from anywhere. Every text is escaped by the template engine."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from zoneinfo import ZoneInfo

from minijinja import Environment

from herold.planning.page import Markup, Row, bar_chart, document
from herold.planning.words import day, length, number, one_line, place, share
from herold.report.chart import DRAWN, rate_chart
from herold.report.report import Group, Outcomes, Report, Said
from herold.report.words import books, clock, headline, pace, proof, stamp, when

_KINDS = {
    "failed": "Failed",
    "deferred": "Put off",
    "suppressed": "Suppressed",
    "skipped": "Skipped",
    "uncertain": "Possibly not reached",
    "sent": "Sent",
}


def as_html(report: Report) -> str:
    """A self-contained page."""
    environment = Environment(
        templates={"report": (resources.files("herold.report") / "report.html").read_text("utf-8")},
        auto_escape_callback=lambda _: True,
    )
    environment.add_filter("number", number)
    zone = report.time_zone
    counts = report.outcomes
    body = environment.render_template(
        "report",
        report=report,
        name=one_line(report.campaign),
        headline=headline(report),
        when=when(report),
        figures=_figures(report),
        funnel=_funnel(report),
        books=books(report),
        proof=proof(report),
        chart=rate_chart(report.rate, report.step, report.marks, zone),
        marks=[(clock(mark.at, zone), one_line(mark.what)) for mark in report.marks[:DRAWN]],
        more_marks=max(0, len(report.marks) - DRAWN),
        possibly=[(each.contact_id, stamp(each.at, zone), each.why) for each in report.possibly],
        uncertain=counts.uncertain,
        unlisted=max(0, counts.uncertain - len(report.possibly)),
        said=[_said(each) for each in report.said],
        tries=[(index, number(count)) for index, count in enumerate(report.tries, start=1)],
        retried=number(report.retried),
        deferrals=number(report.deferrals),
        domains=_table(report.domains, "Unknown", report.other_domains, report.others),
        locales=_table(report.locales, "Not known"),
        deeds=[
            (stamp(each.at, zone), one_line(each.actor), one_line(each.action), one_line(each.reason))
            for each in report.deeds
        ],
        closed=stamp(report.closed_at, zone),
        identity=_identity(report),
        made=_made(report),
    )
    return document(f"Report of {one_line(report.campaign)}", body)


def _figures(report: Report) -> list[tuple[str, str, str]]:
    counts, planned = report.outcomes, report.planned
    last_moment = counts.suppressed + counts.skipped
    figures = [
        ("Reached", number(counts.sent), f"{_percent(counts.sent, planned)} of {number(planned)} planned"),
        (
            "Possibly not reached",
            number(counts.uncertain),
            "nobody knows; listed below" if counts.uncertain else "none",
        ),
        ("Failed", number(counts.failed), f"{_percent(counts.failed, planned)} of planned"),
        ("Not sent after all", number(last_moment), "suppressed or skipped at the last moment"),
    ]
    if counts.waiting:
        figures.append(("Still waiting", number(counts.waiting), f"{_percent(counts.waiting, planned)} of planned"))
    else:
        figures.append(("Put off", number(report.deferrals), "tries that servers put off"))
    if report.duration is not None:
        figures.append(("Duration", length(report.duration), f"at most {pace(report.peak)}"))
    else:
        figures.append(("First due", stamp(report.first_due_at, report.time_zone), place(report.time_zone)))
    return figures


def _funnel(report: Report) -> Markup:
    counts = report.outcomes
    rows = [Row("Named by the segments", report.addressed)]
    rows += [Row(f"Left out: {_words(each.reason)}", each.people, quiet=True) for each in report.left_out]
    rows.append(Row("Planned", report.planned, f"{number(report.planned)} · {share(report.planned, report.addressed)}"))
    rows += [
        Row(name, count, quiet=True)
        for name, count in (
            ("Suppressed at the last moment", counts.suppressed),
            ("Skipped", counts.skipped),
            ("Failed", counts.failed),
            ("Possibly not reached", counts.uncertain),
            ("Still waiting", counts.waiting),
        )
        if count
    ]
    rows.append(Row("Sent", counts.sent, f"{number(counts.sent)} · {_percent(counts.sent, report.planned)} of planned"))
    return bar_chart(rows, label="From the segments to what was sent, in people")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a table; widths in percent of the greatest line."""

    name: str
    people: str
    sent: str
    failed: str
    out: str
    uncertain: str
    waiting: str
    width: str
    reached: str


def _table(groups: tuple[Group, ...], unknown: str, more: int = 0, others: Outcomes | None = None) -> list[_Line]:
    named = [(one_line(each.name) if each.name else unknown, each.outcomes) for each in groups]
    if more and others is not None:
        named.append((f"{number(more)} other{'s' if more > 1 else ''}", others))
    most = max((outcomes.people for _, outcomes in named), default=0) or 1
    return [
        _Line(
            name,
            number(each.people),
            number(each.sent),
            number(each.failed),
            number(each.suppressed + each.skipped),
            number(each.uncertain),
            number(each.waiting),
            f"{100 * each.people / most:.1f}",
            _percent(each.sent, each.people),
        )
        for name, each in named
    ]


def _said(each: Said) -> tuple[str, str, str, str, str]:
    code = " ".join(str(part) for part in (each.code, each.enhanced) if part) or one_line(each.reason or "–")
    return _KINDS.get(each.kind, each.kind), code, each.meaning, one_line(each.example), number(each.count)


def _identity(report: Report) -> list[tuple[str, str, bool]]:
    return [
        ("Campaign", f"{one_line(report.campaign)}, occurrence {report.occurrence}", False),
        ("Run", str(report.run_id), False),
        ("Owner", one_line(report.owner), False),
        ("Kind", f"{report.message_class}, {report.mode}, topic {one_line(report.topic)}", False),
        ("From", f"{one_line(report.from_)} by {one_line(report.sender)}", False),
        ("Ledger", f"{report.installation} ({report.environment})", False),
        ("Intent digest", report.intent_digest, True),
        ("Content digest", report.content_digest, True),
    ]


def _made(report: Report) -> str:
    local = report.made_at.astimezone(ZoneInfo(report.time_zone))
    return f"{day(local)} {local:%H:%M:%S}, {place(report.time_zone)}. All times here are of that zone."


def _percent(part: int, whole: int) -> str:
    """`99.9 %`; 100 % is all of them and nothing less."""
    if not whole or not part:
        return "0 %"
    if part == whole:
        return "100 %"
    percent = 100 * part / whole
    return "<0.1 %" if percent < 0.1 else f"{min(percent, 99.9):.1f} %"


def _words(reason: str) -> str:
    """`no consent` for NoConsent."""
    return one_line("".join(f" {char.lower()}" if char.isupper() else char for char in reason).strip(), 60)
