"""Before `leakhunt run` starts anything it looks at the machine: says, refuses, sets caps, and writes it down."""

import os
import resource
import subprocess
import sys

import pytest

from leakhunt.guard.thread_probe import threads_of_libraries
from leakhunt.journal.reader import read_journal

LOW = 600_000_000


def guarded(tmp_path, *options, limit=None, program="print('ran')", **environment):
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", *options, "program.py"]
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}

    def lower():
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))

    return subprocess.run(
        command, cwd=tmp_path, env={**kept, **environment}, capture_output=True, text=True, timeout=90,
        preexec_fn=lower if limit else None,
    )  # fmt: skip


def looked(tmp_path):
    """What the journal says of the look."""
    (journal,) = (tmp_path / "home").glob("runs/*/supervisor.jsonl")
    records = read_journal(journal).of("event")
    return next(record.fields["detail"] for record in records if record.fields["name"] == "preflight")


def test_a_run_that_cannot_have_what_it_may_take_is_not_started(tmp_path):
    done = guarded(tmp_path, "--max-rss", "1GB", limit=LOW)

    assert (done.returncode, done.stdout) == (78, "")
    assert (
        "not started: a process may have only so much (max data size) (600 MB): `ulimit -d unlimited`"
        in done.stderr
    )
    assert "--no-preflight" in done.stderr
    assert not (tmp_path / "home").exists()


def test_it_is_started_all_the_same_when_somebody_insists(tmp_path):
    done = guarded(tmp_path, "--max-rss", "1GB", "--no-preflight", limit=LOW)

    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "resource-limit" in looked(tmp_path)["concerns"]


def test_what_was_found_stands_in_the_journal(tmp_path):
    done = guarded(tmp_path)

    found = looked(tmp_path)
    assert done.returncode == 0
    assert found["memory"] > 0
    assert found["environment"]["MALLOC_ARENA_MAX"] == "2"
    assert found["threads"] is None  # nobody asked for workers


def test_caps_of_threads_are_verified_in_an_interpreter_that_has_them(tmp_path):
    guarded(tmp_path, "--workers", "1000")

    found = looked(tmp_path)
    assert found["environment"]["OPENBLAS_NUM_THREADS"] == "1"
    assert {count for _, count in found["threads"]} == {1}


def test_a_cap_that_the_user_has_set_higher_is_kept_and_said(tmp_path):
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one processor: no library starts more than one thread")
    done = guarded(tmp_path, "--workers", "1000", OPENBLAS_NUM_THREADS="2")

    assert "will use 2 threads and not 1" in done.stderr
    assert any(count == 2 for _, count in looked(tmp_path)["threads"])


def test_threads_are_asked_for_in_the_environment_that_counts():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

    found = threads_of_libraries(sys.executable, environment)

    assert found
    assert {threads for _, threads in found} == {1}


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python"])
def test_an_interpreter_that_cannot_tell_is_unknown(python):
    assert threads_of_libraries(python, {}) is None
