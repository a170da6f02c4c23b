"""Objects that lie, objects that nobody reaches, other threads, arrays, and clean look-alikes."""

import pytest

pytest.importorskip("numpy")

HOSTILE = """
    from census_boundaries import boundary, report
    touched = []

    def shout(*_):
        touched.append(1)
        raise RuntimeError("the census ran the program's code")

    class Meta(type):
        __hash__ = __eq__ = __instancecheck__ = __subclasscheck__ = __getattribute__ = shout

    class Liar(metaclass=Meta):
        __len__ = __repr__ = __eq__ = __hash__ = __iter__ = __getattr__ = __sizeof__ = __bool__ = shout
        __getattribute__ = shout
        __class__ = property(shout)
        __dict__ = property(shout)

    class List(list):
        __len__ = __iter__ = __getitem__ = __repr__ = __sizeof__ = __eq__ = __getattribute__ = shout
        __hash__ = shout

    class Dict(dict):
        __len__ = __iter__ = __getitem__ = items = keys = values = __contains__ = __getattribute__ = shout
        __hash__ = shout

    class Slotted:
        __slots__ = ("value", "unset")
        __getattribute__ = shout

    held = [Liar(), List([[1]]), Dict(a=[1]), Slotted()]
    hidden = List()
    table = Dict()
    for i in range(1, 41):
        list.append(hidden, [i])
        dict.__setitem__(table, i, [i])
        boundary(i)
    assert touched == [], touched
    report()
"""


@pytest.mark.parametrize("inline", ["0", "1"])
def test_no_code_of_the_program_runs(observed, inline):
    run = observed(HOSTILE, CENSUS_INLINE=inline)

    assert sorted(run.paths) == ["program.hidden", "program.table"]
    assert [census.losses for census in run.censuses] == [[]] * 5


def test_cycles_that_nobody_collects_are_found(observed):
    run = observed("""
        import gc
        from census_boundaries import boundary
        gc.disable()
        class Node:
            pass
        for i in range(1, 41):
            node, peer = Node(), Node()
            node.peer, peer.peer = peer, node
            node.payload = [0] * 1000
            boundary(i)
    """)

    assert run.paths == ["Node objects that only reference cycles hold"]
    assert run.growths[0].root == "garbage"
    assert [now - first for now in run.growths[0].objects for first in run.growths[0].objects[:1]] == [
        2 * (turns - run.growths[0].turns[0]) for turns in run.growths[0].turns
    ]


def test_two_owners_of_the_same_objects_share_their_bytes(observed):
    run = observed("""
        from census_boundaries import boundary
        first, second = [], {}
        for i in range(1, 41):
            row = [i] * 1000
            first.append(row)
            second[i] = row
            boundary(i)
    """)

    first, second = run.growth("program.first"), run.growth("program.second")
    assert first.others == ["program.second"]
    assert second.others == ["program.first"]
    assert abs(first.shared_bytes - second.shared_bytes) < 0.05 * first.shared_bytes
    assert first.exclusive_bytes < 0.05 * first.shared_bytes


def test_a_local_of_another_thread_is_named_with_its_thread(observed):
    run = observed("""
        import threading
        from census_boundaries import boundary
        go, done = threading.Semaphore(0), threading.Semaphore(0)

        def pump():
            buffer = []
            while True:
                go.acquire()
                buffer.append([1])
                done.release()

        threading.Thread(target=pump, name="worker-3", daemon=True).start()
        for i in range(1, 41):
            go.release()
            done.acquire()
            boundary(i)
    """)

    assert run.paths == ["thread worker-3 local buffer in pump()"]
    assert run.growths[0].key == "thread worker-* local buffer in pump()"
    assert run.growths[0].root == "thread"


def test_threads_that_never_end_are_named_by_their_target(observed):
    run = observed("""
        import threading
        from census_boundaries import boundary
        end = threading.Event()

        def wait_forever():
            scratch = [0] * 100
            end.wait()

        for i in range(1, 25):
            threading.Thread(target=wait_forever, daemon=True).start()
            boundary(i)
    """)

    assert run.paths[0] == "threads running wait_forever()"
    assert run.growths[0].objects == [8, 16, 24]
    assert "thread" in run.growths[0].tags


def test_arrays_are_charged_their_bytes(observed):
    run = observed("""
        import numpy as np
        from census_boundaries import boundary
        class Fit:
            def __init__(self, i):
                self.grid = np.zeros(10_000)
        fits = []
        joined = np.zeros(0)
        boxes = np.empty(100, dtype=object)
        boxes[0] = []
        for i in range(1, 41):
            fits.append(Fit(i))
            joined = np.concatenate([joined, np.zeros(1000)])
            boxes[0].append([i])
            boundary(i)
    """)

    assert sorted(run.paths) == ["program.boxes[*]", "program.fits", "program.joined"]
    fits = run.growth("program.fits")
    assert abs(fits.bytes[-1] - fits.bytes[0] - 32 * 80_000) < 0.02 * fits.bytes[-1]
    assert fits.contents[0][0] == "numpy.ndarray"
    assert "numpy" in fits.tags


def test_one_growing_list_among_thousands_is_seen(observed):
    run = observed("""
        from census_boundaries import boundary
        users = {i: [] for i in range(5000)}
        for i in range(1, 41):
            users[1234].extend([[i]] * 4)
            boundary(i)
    """)

    assert run.paths == ["program.users[*]"]


def test_a_large_container_is_sampled_and_its_length_stays_exact(observed):
    run = observed("""
        from census_boundaries import boundary
        rows = [{"a": [i]} for i in range(100_000)]
        for i in range(1, 41):
            rows.extend({"a": [i]} for _ in range(100))
            boundary(i)
    """)

    growth = run.growth("program.rows")
    assert growth.lengths == [100_800, 101_600, 102_400, 103_200, 104_000]
    assert run.censuses[-1].objects < 40_000
    assert abs(growth.contents[0][1] - 104_000) < 2_000


def test_clean_look_alikes_do_not_grow(observed):
    run = observed("""
        import collections, functools, gc, weakref
        from census_boundaries import boundary

        class Thing:
            pass

        ring = collections.deque(maxlen=5)
        bounded = {}
        last = None
        weak = weakref.WeakValueDictionary()
        slots = [None] * 40

        @functools.lru_cache(maxsize=4)
        def small(x):
            return [x]

        def main():
            global last
            metrics = [0.0] * 40
            batch = []
            for i in range(1, 41):
                ring.append([i] * 100)
                bounded[i % 7] = [i] * 100
                last = [i] * 1000
                small(i)
                weak[i] = thing = Thing()
                thing.me = thing
                metrics[i - 1] = i * 0.5
                batch.append([i])
                if len(batch) == 3:
                    batch.clear()
                boundary(i)

        main()
    """)

    assert run.paths == []


def test_limits_that_containers_declare_are_told(observed):
    run = observed("""
        import collections, functools, queue
        from census_boundaries import boundary
        ring = collections.deque(maxlen=100)
        jobs = queue.Queue(maxsize=200)

        @functools.lru_cache(maxsize=300)
        def square(x):
            return [x * x]

        for i in range(1, 41):
            ring.append([i])
            jobs.put([i])
            square(i)
            boundary(i)
    """)

    bounds = {(g.bound.what, g.bound.limit, g.bound.size) for g in run.growths if g.bound is not None}
    assert bounds == {
        ("deque maxlen", 100, 40), ("queue maxsize", 200, 40), ("lru_cache maxsize", 300, 40),
    }  # fmt: skip
    assert {"program.ring", "program.jobs.queue", "cache of square (functools.lru_cache)"} == set(run.paths)
