"""Advice about a run as a whole: pools per turn, BLAS threads, ignored arguments; and their look-alikes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from described import MB, described, loop_text, written_before_the_run

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Recommendation

POOL = "import numpy as np\nfrom multiprocessing import Pool\n\nN_LIMIT = None\n\ndef main(chunks):\n"
PER_TURN = (
    POOL + "    for chunk in chunks:\n        with Pool(2) as pool:\n            pool.map(work, chunk)\n"
)
ONCE = POOL + "    with Pool(2) as pool:\n        for chunk in chunks:\n            pool.map(work, chunk)\n"


def advised(
    tmp_path: Path,
    text: str,
    *,
    workers: int = 24,
    threads: int = 8,
    processors: int = 8,
    argv: Sequence[str] = (),
    more_files: dict[str, str] | None = None,
) -> dict[str, Recommendation]:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    for name, content in {"label.py": text, **(more_files or {})}.items():
        (folder / name).write_text(content)
        written_before_the_run(folder / name)
    file = folder / "label.py"
    line = next((n for n, code in enumerate(text.splitlines(), start=1) if "for chunk" in code), 5)
    agent = loop_text(40, lambda t: 100 * MB, file=str(file)).replace(":5:main", f":{line}:main")
    agent = agent.replace("line=5", f"line={line}")
    agent += (
        f'\nevent t=0.5 name=native-threads detail={{"libraries":[["libopenblas.so",{threads}]],'
        f'"processors":{processors}}}'
    )
    given = ",".join(f'"{one}"' for one in [str(file), *argv])
    outside = f'header t=0 writer=supervisor target={file} argv=[{given}]\nstart t=0 pid=77 argv=["python"]\n'
    outside += "".join(
        f"tree t={t / 10} tree_rss=300MB main_rss=100MB processes=3\n"
        + "".join(
            f"process t={t / 10} pid={1000 + n} ppid=77 role=fork-child alive=true peak_rss=100MB\n"
            for n in range(workers * (t - 1) // 10, workers * t // 10)
        )
        for t in range(1, 11)
    )
    outside += "exit t=4.0 exit_code=0 peak_rss=300MB seconds=4\n"
    return {one.slug: one for one in diagnose(described(agent, supervisor=outside)).recommendations}


def test_a_pool_made_in_every_turn_is_to_be_made_once(tmp_path: Path) -> None:
    advice = advised(tmp_path, PER_TURN)["one-pool"]

    assert "at least 24 worker processes were started for 2 at a time" in advice.why
    assert "with Pool(2) as pool:  # before: inside the loop" in advice.do
    assert 'get_context("spawn").Pool(2, maxtasksperchild=200) as pool:  # after' in advice.do


def test_a_pool_around_the_loop_is_left_alone_though_its_workers_are_replaced(tmp_path: Path) -> None:
    assert "one-pool" not in advised(tmp_path, ONCE)


def test_a_pool_in_the_loop_of_which_few_workers_were_seen_is_left_alone(tmp_path: Path) -> None:
    assert "one-pool" not in advised(tmp_path, PER_TURN, workers=2)


def test_a_pool_in_a_function_that_the_loop_calls_is_made_in_every_turn_too(tmp_path: Path) -> None:
    text = POOL + (
        "    for chunk in chunks:\n        label(chunk)\n\n"
        "def label(chunk):\n    pool = Pool(processes=2)\n    pool.map(work, chunk)\n    pool.close()\n"
    )

    assert "one-pool" in advised(tmp_path, text)


def test_workers_with_a_thread_per_processor_each_are_to_be_capped(tmp_path: Path) -> None:
    advice = advised(tmp_path, ONCE)["cap-threads"]

    assert advice.title == "cap BLAS threads: 2 workers with 8 threads each on 8 processors"
    assert advice.where is not None
    assert advice.where.line == 1


@pytest.mark.parametrize(
    ("text", "threads"),
    [
        (ONCE, 1),
        ('import os\nos.environ["OMP_NUM_THREADS"] = "1"\n' + ONCE, 8),
        ("from threadpoolctl import threadpool_limits\n" + ONCE, 8),
        ("import torch\ntorch.set_num_threads(1)\n" + ONCE, 8),
        (ONCE.replace("Pool", "Pond"), 8),
    ],
)
def test_workers_that_are_capped_or_may_be_are_left_alone(tmp_path: Path, text: str, threads: int) -> None:
    assert "cap-threads" not in advised(tmp_path, text, threads=threads)


def test_caps_that_are_set_after_numpy_was_imported_come_too_late(tmp_path: Path) -> None:
    text = ONCE.replace("N_LIMIT", 'import os\nos.environ["OMP_NUM_THREADS"] = "1"\nN_LIMIT')

    assert "Line 5 sets it too late" in advised(tmp_path, text)["cap-threads"].why


def test_threads_that_have_a_processor_each_are_left_alone(tmp_path: Path) -> None:
    assert "cap-threads" not in advised(tmp_path, ONCE, threads=2, processors=16)


def test_an_option_that_the_program_does_not_read_is_told_with_the_constant(tmp_path: Path) -> None:
    text = ONCE + "    if N_LIMIT:\n        pass\n"

    advice = advised(tmp_path, text, argv=("--n-limit", "20"))["read-arguments"]

    assert advice.title == "--n-limit 20 was ignored: N_LIMIT is written into the program"
    assert 'parser.add_argument("--n-limit", type=int, default=None)' in advice.do


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        (ONCE + "    print(N_LIMIT)\n", ()),
        (ONCE + "    print(N_LIMIT)\n", ("--seed", "3")),
        (ONCE + "    print(N_LIMIT)\n    options = sys.argv\n", ("--n-limit", "20")),
        ("import argparse\n" + ONCE + "    print(N_LIMIT)\n", ("--n-limit", "20")),
        (ONCE, ("--n-limit", "20")),
        (
            ONCE + "    print(N_LIMIT)\n\ndef read():\n    global N_LIMIT\n    N_LIMIT = 3\n",
            ("--n-limit", "20"),
        ),
        ("import options\n" + ONCE + "    print(N_LIMIT)\n", ("--n-limit", "20")),
    ],
)
def test_options_that_are_or_may_be_read_are_not_called_ignored(
    tmp_path: Path, text: str, argv: Sequence[str]
) -> None:
    reading = {"options.py": "import sys\n\nGIVEN = sys.argv[1:]\n"}

    assert "read-arguments" not in advised(tmp_path, text, argv=argv, more_files=reading)
