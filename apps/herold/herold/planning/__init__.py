"""What a campaign would do, before it does it: make_plan, and the four forms in which people read a plan."""

from __future__ import annotations

from herold.planning.html import as_html
from herold.planning.json_form import as_json
from herold.planning.make import make_plan
from herold.planning.markdown import as_markdown
from herold.planning.plan import Plan
from herold.planning.revision import resolved_at
from herold.planning.text import as_text
from herold.planning.words import headline

__all__ = ["Plan", "as_html", "as_json", "as_markdown", "as_text", "headline", "make_plan", "resolved_at"]
