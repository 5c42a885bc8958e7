"""Reports: what a run came to, as values, as a page, as JSON."""

from herold.report.json import as_json
from herold.report.page import as_html
from herold.report.reading import make_report
from herold.report.report import Report
from herold.report.words import headline

__all__ = ["Report", "as_html", "as_json", "headline", "make_report"]
