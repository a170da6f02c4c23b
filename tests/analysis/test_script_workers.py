"""What a script's source says of its pools and threads before it runs. Each fault has a twin that is in order."""

from __future__ import annotations

import pytest

from leakhunt.analysis.script import examine_script

# ---- pools ---------------------------------------------------------------------------------------

POOL = """\
from multiprocessing import Pool
from work import label, chunks

def main():
    for chunk in chunks():
        with Pool(4) as pool:
            print(pool.map(label, chunk))

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "text",
    [
        POOL,
        POOL.replace("Pool(4)", "mp.Pool(4)").replace("from multiprocessing import", "import multiprocessing as mp #"),
        POOL.replace("Pool(4)", "ProcessPoolExecutor(4)").replace(
            "from multiprocessing import Pool", "from concurrent.futures import ProcessPoolExecutor"
        ),
        POOL.replace("from multiprocessing import Pool", "import multiprocessing").replace(
            "Pool(4)", "multiprocessing.get_context('spawn').Pool(4)"
        ),
    ],
)  # fmt: skip
def test_a_pool_that_is_made_in_every_turn_is_found(examined, text):
    assert examined(text) == [("pool-per-turn", 6)]


def test_a_pool_that_a_function_makes_in_every_turn_is_found(examined):
    text = """\
    from multiprocessing import Pool
    from work import label, chunks

    def run(chunk):
        with Pool(4) as pool:
            return pool.map(label, chunk)

    if __name__ == "__main__":
        for chunk in chunks():
            print(run(chunk))
    """
    assert examined(text) == [("pool-per-turn", 5)]


@pytest.mark.parametrize(
    "text",
    [
        # one pool around the loop
        """
        from multiprocessing import Pool
        from work import label, chunks
        if __name__ == "__main__":
            with Pool(4) as pool:
                for chunk in chunks():
                    print(pool.map(label, chunk))
        """,
        # sizes are compared
        """
        from multiprocessing import Pool
        from work import label, items
        if __name__ == "__main__":
            for workers in range(1, 17):
                with Pool(workers) as pool:
                    print(pool.map(label, items))
        """,
        # again until it works
        """
        from multiprocessing import Pool
        from work import label, items
        if __name__ == "__main__":
            while True:
                try:
                    with Pool(4) as pool:
                        pool.map(label, items)
                    break
                except OSError:
                    pass
        """,
        # made when there is none
        """
        from multiprocessing import Pool
        from work import label, chunks
        if __name__ == "__main__":
            pool = None
            for chunk in chunks():
                if pool is None:
                    pool = Pool(4)
                print(pool.map(label, chunk))
        """,
        # a pool of something else
        """
        from asyncpg import Pool
        from work import chunks
        for chunk in chunks():
            with Pool(4) as pool:
                pool.map(chunk)
        """,
        # once for each of five folds
        """
        from multiprocessing import Pool
        from work import fit
        if __name__ == "__main__":
            for fold in range(5):
                with Pool(4) as pool:
                    print(pool.map(fit, [1, 2, 3]))
        """,
        # once for each of two stages
        """
        from multiprocessing import Pool
        from work import first, second, items
        if __name__ == "__main__":
            for stage in (first, second):
                with Pool(4) as pool:
                    print(pool.map(stage, items))
        """,
    ],
    ids=[
        "one pool", "sizes compared", "again until it works", "made when there is none", "another pool", "five folds",
        "two stages",
    ],
)  # fmt: skip
def test_a_pool_that_is_no_habit_is_left_alone(examined, text):
    assert examined(text) == []


SPAWN = """\
import multiprocessing
from work import label, items

def main():
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        print(pool.map(label, items))

main()
"""


def test_a_script_that_its_own_workers_would_run_again_is_found(examined):
    assert examined(SPAWN) == [("spawn-without-guard", 8)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\nmain()\n", '\nif __name__ == "__main__":\n    main()\n'),
        ("\nmain()\n", '\nif "__main__" == __name__:\n    main()\n'),
        ('get_context("spawn")', 'get_context("fork")'),
        ("\nmain()\n", '\nif __name__ != "__main__":\n    raise SystemExit("a script")\nmain()\n'),
    ],
)
def test_a_script_with_a_guard_is_left_alone(examined, old, new):
    assert old in SPAWN
    assert examined(SPAWN.replace(old, new)) == []


def test_workers_that_are_forked_are_a_note(examined, tmp_path):
    pool = SPAWN.replace('get_context("spawn").', "")

    assert examined(pool, without=()) == [("workers-forked", 5)]
    (found,) = examine_script(tmp_path / "script.py")
    assert found.severity == "note"
    assert 'multiprocessing.get_context("spawn").Pool(4)  # after' in found.code
    assert examined(SPAWN.replace("\nmain()", '\nif __name__ == "__main__":\n    main()'), without=()) == []
    assert examined(SPAWN.replace('"spawn"', '"fork"'), without=()) == []  # somebody wants it so


# ---- everything in flight ------------------------------------------------------------------------

IN_FLIGHT = """\
from concurrent.futures import ProcessPoolExecutor, as_completed
import pyarrow.parquet as pq
from work import transform, writer

def main():
    file = pq.ParquetFile("molecules.parquet")
    with ProcessPoolExecutor(8) as pool:
        futures = [pool.submit(transform, batch) for batch in {source}]
        for future in as_completed(futures):
            {use}

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("file.iter_batches(50_000)", "print(future.result())"),
        ("(read(n) for n in range(10))", "print(future.result())"),
        ("range(1_000_000)", "print(future.result())"),
        ("batches", "writer.write_table(future.result())"),
    ],
)
def test_a_large_input_that_is_submitted_at_once_is_found(examined, source, use):
    assert examined(IN_FLIGHT.format(source=source, use=use)) == [("everything-in-flight", 8)]


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("range(8)", "print(future.result())"),
        ("(1, 2, 3)", "print(future.result())"),
        ("batches", "print(future.result())"),
        ("batches", "writer.write_table(future.result()); futures.remove(future)"),
    ],
)
def test_a_small_input_or_one_that_is_let_go_is_left_alone(examined, source, use):
    assert examined(IN_FLIGHT.format(source=source, use=use)) == []


@pytest.mark.parametrize(
    ("source", "use", "severity"),
    [
        ("file.iter_batches(50_000)", "print(future.result())", "unsafe"),
        ("batches", "writer.write_table(future.result())", "risky"),  # nobody knows how many there are
        ("range(1_000_000)", "print(future.result())", "risky"),
    ],
)
def test_what_is_large_for_sure_is_unsafe_and_the_rest_a_risk(examined, tmp_path, source, use, severity):
    examined(IN_FLIGHT.format(source=source, use=use))
    found = next(one for one in examine_script(tmp_path / "script.py") if one.slug == "everything-in-flight")

    assert found.severity == severity


def test_slices_of_the_data_that_are_all_queued_are_found(examined):
    text = """\
    from concurrent.futures import ProcessPoolExecutor
    from work import transform, table
    if __name__ == "__main__":
        with ProcessPoolExecutor(8) as pool:
            futures = []
            for start in range(0, len(table), 50_000):
                futures.append(pool.submit(transform, table[start:start + 50_000]))
            print(sum(future.result() for future in futures))
    """
    assert examined(text) == [("everything-in-flight", 7)]


def test_a_window_of_futures_is_left_alone(examined):
    text = """\
    from concurrent.futures import ProcessPoolExecutor, wait, FIRST_COMPLETED
    from work import transform, table
    if __name__ == "__main__":
        with ProcessPoolExecutor(8) as pool:
            waiting = set()
            for start in range(0, len(table), 50_000):
                if len(waiting) >= 16:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting.add(pool.submit(transform, table[start:start + 50_000]))
    """
    assert examined(text) == []


@pytest.mark.parametrize(
    ("items", "found"),
    [("(read(n) for n in names)", True), ("open('lines.txt')", True), ("range(100_000)", True), ("numbers()", True),
     ("items", False), ("range(16)", False), ("[1, 2, 3]", False), ("sorted(names)", False)],
)  # fmt: skip
def test_a_map_over_what_is_made_bit_by_bit_is_found(examined, items, found):
    text = f"""\
    from multiprocessing import Pool
    from work import label, items, names, read
    def numbers():
        yield from range(10)
    if __name__ == "__main__":
        with Pool(4) as pool:
            print(pool.map(label, {items}))
    """
    assert examined(text) == ([("everything-in-flight", 7)] if found else [])


# ---- threads -------------------------------------------------------------------------------------


def test_caps_that_come_after_numpy_are_found(examined):
    text = """\
    import os
    import numpy as np
    os.environ["OMP_NUM_THREADS"] = "1"
    print(np.ones(3) @ np.ones(3))
    """
    assert examined(text) == [("caps-too-late", 3)]


def test_caps_that_come_after_a_module_that_imports_numpy_are_found(examined):
    text = """\
    import os
    from model import predict
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    print(predict())
    """
    assert examined(text, model="import numpy as np\ndef predict(): return 1\n") == [("caps-too-late", 3)]


@pytest.mark.parametrize(
    "text",
    [
        # in time
        """
        import os
        os.environ["OMP_NUM_THREADS"] = "1"
        import numpy as np
        print(np.ones(3))
        """,
        # for a child that starts afresh
        """
        import os, subprocess
        import numpy as np
        os.environ["OMP_NUM_THREADS"] = "1"
        subprocess.run(["python", "other.py"])
        """,
        # in the environment of somebody else
        """
        import os
        import numpy as np
        environment = dict(os.environ)
        environment["OMP_NUM_THREADS"] = "1"
        """,
        # a second line of defence
        """
        import os
        import numpy as np
        from threadpoolctl import threadpool_limits
        os.environ["OMP_NUM_THREADS"] = "1"
        threadpool_limits(1)
        """,
        # no library that reads it
        """
        import os
        import json
        os.environ["OMP_NUM_THREADS"] = "1"
        """,
    ],
    ids=["in time", "for a child", "another environment", "threadpoolctl", "no library"],
)
def test_caps_that_work_are_left_alone(examined, text):
    assert examined(text) == []


BLAS = """\
from multiprocessing import Pool
import numpy as np
from work import items

def solve(matrix):
    return np.linalg.eigvalsh(matrix)

if __name__ == "__main__":
    with Pool(4) as pool:
        print(pool.map(solve, items))
"""


def test_threads_times_workers_are_found(examined):
    assert examined(BLAS) == [("threads-times-workers", 9)]


def test_threads_times_workers_are_left_alone_where_they_do_not_multiply(examined, monkeypatch):
    assert examined(BLAS, processors=1) == []
    assert examined(BLAS.replace("Pool(4)", "Pool(1)")) == []
    assert examined(BLAS.replace("np.linalg.eigvalsh(matrix)", "matrix.sum()")) == []
    assert examined('import os\nos.environ["OMP_NUM_THREADS"] = "1"\n' + BLAS) == []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert examined(BLAS) == []
