"""Hand-made diagnoses of runs that leak."""

from __future__ import annotations

from case_parts import MAIN, STARTED, course, diagnosis, loop, run

from leakhunt.findings.diagnosis import (
    Content,
    Cost,
    Diagnosis,
    Finding,
    Forecast,
    Frame,
    Loss,
    Memory,
    Owner,
    Position,
    Recommendation,
    Site,
    TreePoint,
    Where,
)


def leaking_sweep() -> Diagnosis:
    """A parameter sweep that keeps every result until the end and is killed in its seventh value."""
    lams = ["0.0", "1e-10", "3e-10", "1e-09", "3e-09", "1e-08", "3e-08"]
    betas = [3.3, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.1, 3.2]
    values = [2.0e9 + 0.1e9 * i for i in range(68)]
    labels = [f"lam = {lams[i // 10]}, beta = {betas[i % 9]}" for i in range(68)]
    outer = loop("sweep.py", 41, ["lam"], 6, total=10, primary=False, seconds_per_iteration=5160.0)
    inner = loop("sweep.py", 47, ["beta"], 67, parent=outer.id, seconds_per_iteration=517.0)
    code = "for lam in lams:\n    rows = scan(lam)\n    save_rows(path, rows)   # append it\n    del rows"
    return diagnosis(
        run=run(
            ended=STARTED + 36_120,
            outcome="oom-killed",
            exit_code=137,
            signal="SIGKILL",
            peak_rss=8_940_000_000,
            processes=1,
        ),
        loops=[outer, inner],
        verdict="leak",
        findings=[
            Finding(
                id="8f14e45fceea",
                kind="growing-container",
                verdict="leak",
                title="all_lam_results keeps every result of the sweep",
                bytes_per_iteration=99_200_000.0,
                process=MAIN,
                owner=Owner(
                    path="sweep.main() local all_lam_results",
                    root="local",
                    type="list",
                    module="sweep",
                    file="sweep.py",
                    line=38,
                    length=67,
                    contents=[
                        Content("numpy.ndarray", 1340, 6_430_000_000),
                        Content("dict", 67, 41_000_000),
                        Content("float", 4020, 96_480),
                    ],
                    retained_bytes=6_650_000_000,
                    exclusive_bytes=6_590_000_000,
                ),
                sites=[
                    Site(
                        "sweep.py",
                        92,
                        "main",
                        99_200_000.0,
                        0.97,
                        "census",
                        [Frame("sweep.py", 92, "main")],
                        code="all_lam_results.append(result)",
                    ),
                    Site(
                        "fitter.py",
                        118,
                        "fit",
                        96_000_000.0,
                        0.94,
                        "memray",
                        [Frame("fitter.py", 118, "fit"), Frame("sweep.py", 88, "main")],
                        role="allocation",
                        code="grid = np.zeros((n_r, n_theta))",
                    ),
                ],
                evidence=[
                    "Grew by one item in each of 67 iterations, at 5 of 5 checkpoints.",
                    "The later half grows as fast as the earlier half (ratio 1.01): it does not fill up.",
                    "What it holds explains 99 % of the growth of resident memory.",
                    "Collecting garbage and trimming the heap gave back nothing.",
                ],
                advice=["save-each-result", "keep-scalars"],
                bytes_per_iteration_ci=[97_000_000.0, 101_000_000.0],
                count_per_iteration=1.0,
                confidence="high",
                points=[
                    (2, 2, 198_400_000),
                    (18, 18, 1_785_600_000),
                    (34, 34, 3_372_800_000),
                    (50, 50, 4_960_000_000),
                    (66, 66, 6_547_200_000),
                ],
            )
        ],
        recommendations=[
            Recommendation(
                slug="save-each-result",
                title="Save each result when it is done, and drop it",
                why="The list is read once, after the loop.",
                do="Write the rows of one lam to the file, then let them go.\n\n" + code,
                findings=["8f14e45fceea"],
                expected_peak=2_300_000_000,
                where=Where("sweep.py", 92),
                confirm="leakhunt profile sweep.py again: all_lam_results is no longer among the findings",
            ),
            Recommendation(
                slug="keep-scalars",
                title="Keep the numbers of a fit, not the fitter",
                why="Each result holds the fitter, and the fitter its grids.",
                do="Take out what is read later.\n\nresult = {'chi2': fit.chi2, 'mass': fit.mass}",
                findings=["8f14e45fceea"],
                where=Where("sweep.py", 90),
            ),
        ],
        losses=[
            Loss(
                "windows-skipped",
                "No allocation window was opened in the last 3 h: memory was too short. "
                "Give the run more headroom to see allocation lines there.",
            )
        ],
        cost=Cost(seconds=101.0, share=0.0028, bytes=9_400_000, longest_pause=0.21),
        forecast=Forecast(
            limit=9_000_000_000, seconds_to_limit=1551.0, iterations_to_limit=3.0, source="cgroup"
        ),
        reasons=["Resident memory rose in every block of iterations, the last one included."],
        memory=Memory(
            2_000_000_000,
            8_700_000_000,
            8_940_000_000,
            100_000_000.0,
            [98_500_000.0, 101_600_000.0],
            "steady",
            course(values, 517.0, labels),
            [TreePoint(i * 600.0, int(2e9 + i * 0.116e9)) for i in range(61)],
        ),
        position=[Position(outer.id, ["lam"], ["3e-08"], 7, 10), Position(inner.id, ["beta"], ["3.3"], 8, 9)],
    )


def replay_buffer() -> Diagnosis:
    """Training whose replay buffer is replaced while the old tensors stay alive; a worker pool besides."""
    values = [612e6 + 1.57e6 * i for i in range(301)]
    steps = loop("train.py", 58, ["step"], 300, total=300, seconds_per_iteration=0.41)
    return diagnosis(
        run=run(
            "train.py",
            argv=["train.py", "--steps", "300"],
            ended=STARTED + 131,
            peak_rss=1_410_000_000,
            processes=3,
        ),
        loops=[steps],
        verdict="leak",
        findings=[
            Finding(
                id="c9f0f895fb98",
                kind="tensor-accumulation",
                verdict="leak",
                title="agent.buffer.episodes keeps old episodes",
                bytes_per_iteration=1_520_000.0,
                process=MAIN,
                owner=Owner(
                    "agent.buffer.episodes  (train.main() local agent)",
                    "local",
                    "dict",
                    "train",
                    "train.py",
                    44,
                    300,
                    [Content("torch.Tensor", 1200, 449_000_000)],
                    456_000_000,
                    None,
                    ["train.HISTORY[...]['episode']"],
                ),
                sites=[
                    Site(
                        "buffer.py",
                        31,
                        "push",
                        1_520_000.0,
                        0.96,
                        "census",
                        [Frame("buffer.py", 31, "push")],
                        code="self.episodes[episode.id] = episode",
                    )
                ],
                evidence=[
                    "Grew by 4 tensors in each of 300 iterations.",
                    "A second holder, train.HISTORY, keeps the same tensors: clearing one is not enough.",
                ],
                advice=["clear-before-assign"],
                bytes_per_iteration_ci=[1_490_000.0, 1_550_000.0],
                count_per_iteration=1.0,
                confidence="medium",
                points=[
                    (20, 20, 30_400_000),
                    (110, 110, 167_200_000),
                    (200, 200, 304_000_000),
                    (290, 290, 440_800_000),
                ],
            )
        ],
        recommendations=[
            Recommendation(
                "clear-before-assign",
                "Clear the old episodes before the new ones come",
                "The dict grows by one key per episode and no key is ever taken out.",
                "Bound it.\n\nif len(self.episodes) >= self.capacity:\n"
                "    self.episodes.pop(next(iter(self.episodes)))",
                ["c9f0f895fb98"],
                660_000_000,
                Where("buffer.py", 31),
            ),
        ],
        losses=[
            Loss(
                "children-not-followed",
                "2 worker processes were watched from outside only: their heaps "
                "were not read. Run them with workers=0 to see inside.",
                2,
            )
        ],
        memory=Memory(
            612_000_000,
            1_083_000_000,
            1_090_000_000,
            1_570_000.0,
            [1_550_000.0, 1_590_000.0],
            "steady",
            course(values, 0.41),
            [TreePoint(i * 2.0, int(9.2e8 + i * 7.5e6)) for i in range(66)],
        ),
        forecast=Forecast(16_000_000_000, 3895.0, 9500.0, "host"),
    )


def many_findings() -> Diagnosis:
    """Nine leaks of many kinds, suspects, explanations and twelve loops."""
    kinds = [
        "growing-container",
        "native-growth",
        "reference-cycle",
        "gpu-growth",
        "process-growth",
        "handle-growth",
        "thread-growth",
        "array-accumulation",
        "unexplained-growth",
    ]
    leaks = [
        Finding(
            f"{i:012x}",
            kind,
            "leak",
            f"Thing {i} grows ({kind})",  # type: ignore[arg-type]
            None if kind in {"handle-growth", "thread-growth"} else 9e6 / (i + 1),
            MAIN,
            None
            if kind in {"native-growth", "unexplained-growth"}
            else Owner(f"app.STATE['{kind}']", "module", "dict", "app", "app.py", i + 1, 100 * (i + 1)),
            [],
            [f"Grew in 40 of 40 iterations ({kind})."],
            ["close-it"] if i > 3 else [],
            count_per_iteration=float(i + 1),
            confidence="medium",
            points=[(5, 5 * (i + 1), int(45e6 / (i + 1))), (40, 40 * (i + 1), int(360e6 / (i + 1)))],
        )
        for i, kind in enumerate(kinds)
    ]
    suspect = Finding(
        "ffffffffff01",
        "fragmentation",
        "cannot-tell",
        "Free heap that stays mapped",
        4e5,
        MAIN,
        None,
        [],
        ["Trimming gave back 40 %."],
        [],
    )
    fine = Finding(
        "ffffffffff02",
        "sawtooth",
        "no-leak",
        "pandas frames come and go",
        None,
        MAIN,
        None,
        [],
        ["Returns to 80 MB after each batch."],
        [],
    )
    loops = [loop("app.py", 10 * (i + 1), [f"x{i}"], 40 + i, primary=i == 0) for i in range(12)]
    return diagnosis(
        run=run("app.py", ended=STARTED + 500, outcome="limit-killed", signal="SIGTERM", exit_code=143),
        loops=loops,
        verdict="leak",
        findings=[*leaks, suspect, fine],
        recommendations=[
            Recommendation(
                "close-it",
                "Close what you open",
                "Each turn opens one more.",
                "Use a with block.\n\nwith open(path) as file:\n    work(file)",
                [leak.id for leak in leaks[4:]],
            ),
            Recommendation(
                "thread-caps",
                "Cap the threads of BLAS",
                "8 workers with 8 threads each on 8 cores.",
                "Set the cap before numpy is imported.\n\nOMP_NUM_THREADS=1 python app.py",
                [],
            ),
        ],
        memory=Memory(
            100_000_000,
            1_090_000_000,
            1_100_000_000,
            24.8e6,
            [24.1e6, 25.6e6],
            "steady",
            course([100e6 + 24.8e6 * i for i in range(41)], 12.0),
        ),
        forecast=Forecast(1_100_000_000, 0.0, 0.0, "--max-memory"),
    )
