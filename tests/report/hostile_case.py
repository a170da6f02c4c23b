"""A diagnosis in which every string of the run tries to be something else than text."""

from __future__ import annotations

import math

from case_parts import STARTED, diagnosis, loop, run

from leakhunt.findings.diagnosis import (
    Content,
    Diagnosis,
    Finding,
    Forecast,
    Frame,
    Loss,
    Memory,
    MemoryPoint,
    Owner,
    Position,
    Process,
    Recommendation,
    Site,
    Where,
)

HOSTILE = (
    '</script><img src=x onerror="document.documentElement.dataset.owned=1">',
    "[bold red]x[/bold red]",
    "\x1b]0;owned\x07\x1b[2J",
    "a|b`c``d",
    "@everyone #1 [x](javascript:alert(1))",
    "\u202egnp.exe",
    "half \udcff pair",
    "<!--<script>",
    "${7*7}{{7*7}}",
    "line\nbreak\r\n# heading",
    "</pre></code></details>",
    "://www.evil.example GH-7 a@b.example",
    "&lt;b&gt;\u2028\u2029",
    "%{customdata}<a href='javascript:alert(2)'>y</a>",
)


def hostile() -> Diagnosis:
    """Every string of the run tries to be something else than text."""
    bad = " ".join(HOSTILE)
    where = loop(bad, 1, list(HOSTILE), 30, function=bad, seconds_per_iteration=0.2)
    points = [MemoryPoint(i, i * 0.2, 10**8 + i * 10**6, None, HOSTILE[i % len(HOSTILE)]) for i in range(31)]
    return diagnosis(
        leakhunt="0.1.0",
        run=run(
            bad, id=bad, argv=[bad, *HOSTILE], outcome="failed", exit_code=1, ended=STARTED + 6, signal=bad
        ),
        loops=[where],
        verdict="leak",
        findings=[
            Finding(
                "02e74f10e032",
                "growing-container",
                "leak",
                bad,
                1e6,
                Process(bad, [1, 2, 3, 4, 5, 6]),
                Owner(bad, "module", bad, bad, bad, 3, 30, [Content(bad, 30, 30_000_000)], 1, 1, [bad]),
                [Site(bad, 3, bad, 1e6, 0.5, "census", [Frame(bad, 3, bad)], code=bad)],
                [bad, *HOSTILE],
                ["hostile"],
                [9e5, 1.1e6],
                1.0,
                "low",
                [(1, 1, 10), (30, 30, 300)],
            ),
        ],
        recommendations=[
            Recommendation(
                "hostile",
                bad,
                bad,
                f"{bad}\n\n```\n{bad}\n</code></pre>\n~~~~",
                ["02e74f10e032"],
                None,
                Where(bad, 3),
                bad,
            )
        ],
        losses=[Loss(bad, bad, 3)],
        reasons=list(HOSTILE),
        memory=Memory(10**8, 13 * 10**7, 13 * 10**7, 1e6, [math.nan, math.inf], bad, points),
        position=[Position(where.id, list(HOSTILE), list(HOSTILE), 31, None)],
        exception=f"Traceback\nValueError: {bad}",
        forecast=Forecast(10**9, math.inf, math.nan, bad),
    )
