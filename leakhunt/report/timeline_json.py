"""A crash timeline as JSON text: every field of `findings.timeline.Timeline`, unknown as null."""

from __future__ import annotations

import json

from leakhunt.findings.timeline import Timeline
from leakhunt.report.json_report import to_plain


def timeline_json(timeline: Timeline, *, indent: int | None = 2) -> str:
    """Return the timeline as strict JSON in ASCII."""
    return json.dumps(to_plain(timeline), indent=indent, ensure_ascii=True, allow_nan=False)
