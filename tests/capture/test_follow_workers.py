"""The workers of a pool are followed by the loop in which they take their tasks, and nothing else changes for them."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from leakhunt.model.load import load_run

POOL = """
    import multiprocessing, os, sys, time, traceback

    DRAWN = []

    def draw(i):
        time.sleep(0.02)
        DRAWN.append(os.urandom(100_000))
        return len(DRAWN)

    def fail(i):
        raise ValueError(i)

    def main():
        context = multiprocessing.get_context("fork")
        with context.Pool(1) as pool:
            print([pool.apply(draw, (i,)) for i in range(30)])
            try:
                pool.apply(fail, (7,))
            except ValueError as problem:
                print("".join(traceback.format_exception(type(problem), problem, problem.__traceback__)))

    if __name__ == "__main__":
        main()
"""
LOOP_OF_ITS_OWN = """
    import multiprocessing, time

    def serve(channel):
        while True:
            task = channel.recv()
            if task is None:
                break
            time.sleep(0.005)
            channel.send(task * 2)

    def quick(channel):
        channel.send("no loop here")

    def main():
        context = multiprocessing.get_context("fork")
        for target in (serve, quick):
            ours, theirs = context.Pipe()
            worker = context.Process(target=target, args=(theirs,))
            worker.start()
            if target is serve:
                for i in range(20):
                    ours.send(i)
                    assert ours.recv() == i * 2
                ours.send(None)
            else:
                print(ours.recv())
            worker.join()

    main()
"""


def profiled(tmp_path, program, *options):
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(program))
    plain = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=100, cwd=tmp_path
    )
    command = [sys.executable, "-m", "leakhunt", "profile", "--quiet", *options, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)
    assert done.stderr == plain.stderr
    (run,) = (tmp_path / ".leakhunt" / "runs").iterdir()
    return run


@pytest.mark.timeout(400)
def test_a_worker_of_a_pool_is_followed_task_by_task(tmp_path):
    run = load_run(profiled(tmp_path, POOL, "--no-windows"))

    (worker,) = run.workers
    (loop,) = [loop for loop in worker.loops.values() if loop.iterations]
    assert (Path(loop.file).name, loop.function) == ("pool.py", "worker")
    assert loop.iterations in (30, 31)
    assert worker.target == "multiprocessing.pool.worker"
    assert worker.pid != run.pid
    assert all(one.loop == loop.id for one in worker.checkpoints)


@pytest.mark.timeout(400)
def test_a_worker_that_is_the_programs_own_function_is_followed_and_one_without_a_loop_is_not(tmp_path):
    run = load_run(profiled(tmp_path, LOOP_OF_ITS_OWN, "--no-windows"))

    (worker,) = run.workers
    assert [(loop.function, loop.iterations) for loop in worker.loops.values()] == [("serve", 20)]


def test_a_forked_child_that_multiprocessing_did_not_make_is_left_alone(tmp_path):
    program = """
        import os
        pid = os.fork()
        if pid == 0:
            for _ in range(20):
                pass
            os._exit(0)
        os.waitpid(pid, 0)
    """

    assert load_run(profiled(tmp_path, program, "--no-windows")).workers == []


def test_a_function_whose_file_is_another_by_now_is_left_as_it_is(tmp_path):
    from leakhunt.capture.turns import Follower
    from leakhunt.capture.workers import _with_followed_loops

    file = tmp_path / "job.py"
    file.write_text("def work(items):\n    for item in items:\n        print(item)\n")
    namespace = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    same = _with_followed_loops(namespace["work"], Follower(None))
    file.write_text("def work(items):\n    for item in items:\n        print(item, item)\n")

    assert same is not None
    assert same.co_code != namespace["work"].__code__.co_code
    assert _with_followed_loops(namespace["work"], Follower(None)) is None
