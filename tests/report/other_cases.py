"""Hand-made diagnoses of runs that do not leak, or where it cannot be told."""

from __future__ import annotations

import math

from case_parts import MAIN, STARTED, course, diagnosis, loop, run

from leakhunt.findings.diagnosis import (
    Content,
    Cost,
    Diagnosis,
    Finding,
    Loss,
    Memory,
    Owner,
    Position,
    Site,
    TreePoint,
)


def clean() -> Diagnosis:
    """Nothing grows."""
    values = [88e6 + (i % 7) * 0.05e6 for i in range(401)]
    return diagnosis(
        run=run("etl.py", ended=STARTED + 62.4, peak_rss=91_200_000),
        loops=[loop("etl.py", 12, ["batch"], 400, total=400, seconds_per_iteration=0.15)],
        memory=Memory(
            88_000_000, 88_150_000, 91_200_000, 120.0, [-210.0, 450.0], "flat", course(values, 0.15)
        ),
        reasons=[
            "Resident memory is level: at most 450 B per iteration over the last 390.",
            "No container grew between 5 censuses of the heap.",
        ],
    )


def saturating_cache() -> Diagnosis:
    """A cache that fills and stops; memory goes down after each collection."""
    values = [54e6 + 40e6 * (1 - math.exp(-i / 30)) for i in range(201)]
    return diagnosis(
        run=run("serve.py", ended=STARTED + 88, peak_rss=96_000_000),
        loops=[loop("serve.py", 77, ["request"], 200, kind="while", seconds_per_iteration=0.43)],
        findings=[
            Finding(
                "45c48cce2e2d",
                "saturating-cache",
                "no-leak",
                "_render is an lru_cache that is full",
                11_000.0,
                MAIN,
                Owner(
                    "serve._render.cache",
                    "module",
                    "functools._lru_cache_wrapper",
                    "serve",
                    "serve.py",
                    20,
                    128,
                ),
                [],
                ["128 of 128 entries since iteration 121; no growth in the 79 iterations since."],
                [],
                points=[
                    (20, 40, 12_000_000),
                    (80, 110, 35_000_000),
                    (140, 128, 40_000_000),
                    (199, 128, 40_000_000),
                ],
            ),
            Finding(
                "d3d944680 2e4".replace(" ", ""),
                "warm-up",
                "no-leak",
                "Imports and first calls",
                None,
                MAIN,
                None,
                [],
                ["All of it came in the first 6 iterations."],
                [],
            ),
        ],
        memory=Memory(
            54_000_000,
            93_900_000,
            96_000_000,
            3_000.0,
            [-1_000.0, 7_000.0],
            "saturating",
            course(values, 0.43),
        ),
        reasons=["Growth slows down: the last quarter of the run grew 40 times slower than the first."],
    )


def cannot_tell() -> Diagnosis:
    """Eight iterations: too few to tell a leak from a cache that is still filling."""
    values = [120e6 + 4.1e6 * i for i in range(9)]
    return diagnosis(
        run=run("report.py", ended=STARTED + 19, peak_rss=155_000_000),
        loops=[loop("report.py", 30, ["month"], 8, total=8, seconds_per_iteration=2.3)],
        verdict="cannot-tell",
        findings=[
            Finding(
                "6512bd43d9ca",
                "growing-container",
                "cannot-tell",
                "_FRAMES grows with every month",
                4_000_000.0,
                MAIN,
                Owner(
                    "report._FRAMES",
                    "module",
                    "dict",
                    "report",
                    "report.py",
                    9,
                    8,
                    [Content("pandas.DataFrame", 8, 32_000_000)],
                ),
                [
                    Site(
                        "report.py", 33, "load", 4_000_000.0, 1.0, "census", [], code="_FRAMES[month] = frame"
                    )
                ],
                [
                    "Grew by one item in each of 8 iterations.",
                    "A cache of 12 months would look the same so far.",
                ],
                [],
                count_per_iteration=1.0,
                confidence="low",
                points=[(3, 3, 12_000_000), (8, 8, 32_000_000)],
            )
        ],
        reasons=[
            "_FRAMES grows with every month: it grows at every census.",
            "8 iterations are too few: warm-up and a leak look alike under 20.",
        ],
        more_iterations=12,
        memory=Memory(
            120_000_000,
            152_800_000,
            155_000_000,
            4_100_000.0,
            [3_600_000.0, 4_500_000.0],
            None,
            course(values, 2.3),
        ),
    )


def killed_run() -> Diagnosis:
    """Killed from outside early in nested loops; little was measured."""
    outer = loop("grid.py", 5, ["i", "row"], 3, total=40)
    inner = loop("grid.py", 6, [], 811, kind="while", parent=outer.id, primary=False, function="relax")
    return diagnosis(
        run=run(
            "grid.py", ended=STARTED + 7.5, outcome="killed", exit_code=None, signal="SIGTERM", peak_rss=None
        ),
        loops=[outer, inner],
        verdict="cannot-tell",
        reasons=["The run ended after 3 iterations of its outer loop."],
        more_iterations=17,
        position=[
            Position(outer.id, ["i", "row"], ["3", "array([0.1, 0.2, 0.3])"], 4, 40),
            Position(inner.id, [], None, 12, None),
        ],
        losses=[
            Loss("journal-torn", "The last line of the journal was cut off: the last moments are missing.")
        ],
        cost=Cost(None, None, None),
    )


def no_loop() -> Diagnosis:
    """A script without a loop that could be followed."""
    return diagnosis(
        run=run("job.py", ended=STARTED + 30, peak_rss=310_000_000),
        verdict="cannot-tell",
        reasons=['No loop with at least 6 slow iterations was found, so nothing is "per iteration".'],
        losses=[
            Loss(
                "no-loop",
                "No loop was followed. Name one with --loop FILE:LINE, or call a function many times "
                "with --iterations.",
            )
        ],
        memory=Memory(
            45_000_000,
            300_000_000,
            310_000_000,
            None,
            None,
            None,
            [],
            [TreePoint(float(i), int(45e6 + i * 8.5e6)) for i in range(31)],
        ),
    )
