"""The page of a crash timeline in a real browser: the chart is drawn, nothing is loaded, nothing of the run is run."""

from __future__ import annotations

import re
from pathlib import Path

from test_report_in_browser import browser, look, plotly_mentions

from leakhunt.findings.diagnosis import Loss, Position
from leakhunt.findings.timeline import (
    CauseOfDeath,
    CoursePoint,
    Event,
    IterationMemory,
    Kept,
    Reach,
    RootCause,
    Series,
    Step,
    Timeline,
)
from leakhunt.report.timeline_html import timeline_html

__all__ = ["browser"]  # the fixture

ATTACK = "</script><script>document.documentElement.dataset.owned=1</script><img src=x onerror=alert(1)><b>bold</b>"
STARTED = 1_700_000_000.0


def hostile_timeline() -> Timeline:
    return Timeline(
        leakhunt=ATTACK,
        id=ATTACK,
        target=ATTACK,
        argv=[ATTACK],
        cwd=ATTACK,
        started=STARTED,
        ended=STARTED + 100,
        running=False,
        death=CauseOfDeath("proven", "kernel-oom", ATTACK, [ATTACK], STARTED + 100),
        events=[
            Event(STARTED + at, float(at), kind, ATTACK, ATTACK, count=3, until=STARTED + at + 1)
            for at, kind in ((1, "start"), (40, "brake"), (70, "restart"), (100, "death"))
        ],
        losses=[Loss("x", ATTACK)],
        position=[Position(ATTACK, [ATTACK], [ATTACK], 1, 2)],
        iterations=[
            IterationMemory(n + 1, ATTACK, 10.0 * n, 10.0 * n + 10, n * 10**8, (n + 1) * 10**8, 10**8, True)
            for n in range(9)
        ],
        course=[CoursePoint(float(at), at * 10**7, at * 10**6) for at in range(100)],
        series=[Series(ATTACK, [(1.0, 10**8), (90.0, 2 * 10**8)])],
        reach=Reach(10**9, ATTACK, True, STARTED + 100, 0.0, 1e8, 3.6e10),
        kept=Kept(9, 10, 9, ATTACK, words=[ATTACK]),
        causes=[RootCause(ATTACK, ATTACK, ATTACK, evidence=[ATTACK])],
        plan=[Step(ATTACK, ATTACK, ATTACK, ATTACK, ATTACK, 10)],
        peak_rss=10**9,
        utc_offset=0,
    )


def test_the_page_draws_its_chart_loads_nothing_and_runs_nothing(browser: str, tmp_path: Path) -> None:
    seen = look(browser, timeline_html(hostile_timeline()), tmp_path)

    body = re.sub(r"<script.*?</script>", "", seen.dom, flags=re.DOTALL)
    assert re.search(r'data-drawn="[1-9]', seen.dom[:4000])
    assert re.search(r'id="chart-course".*?<svg class="main-svg".*?class="scatterlayer', body, re.DOTALL)
    assert "data-owned" not in seen.dom[:4000]
    assert len(re.findall(r"<script\b", seen.dom)) - plotly_mentions() == 3
    assert not re.search(r"<(img|a|iframe|object|link)\b", body)
    assert seen.console == []
    assert seen.requests == []
