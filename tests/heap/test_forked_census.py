"""The copy of the program that takes the census must go unnoticed by the program."""

import pytest

QUIET = """
    import gc, os, signal, sys, threading, time, warnings
    from census_boundaries import boundary, report
    warnings.simplefilter("error")
    seen = []
    os.register_at_fork(before=lambda: seen.append("before"), after_in_parent=lambda: seen.append("parent"),
                        after_in_child=lambda: print("child handler ran", flush=True))
    import atexit
    atexit.register(lambda: print("bye"))

    class Noisy:
        def __del__(self):
            print("finalizer in", os.getpid() == PID, flush=True)

    PID = os.getpid()
    stop = threading.Event()

    def spin():
        scratch = []
        while not stop.is_set():
            scratch = [sum(range(50))]

    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    rows = []

    def main():
        cycle = Noisy()
        cycle.me = cycle
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        descriptors = sorted(os.listdir("/proc/self/fd"))
        print("one line, not flushed")
        for i in range(1, 41):
            rows.append([i])
            boundary(i)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask
        assert sorted(os.listdir("/proc/self/fd")) == descriptors
        assert gc.isenabled()
        try:
            print(os.waitpid(-1, os.WNOHANG))
        except ChildProcessError:
            print("no children")
        cycle.me = None

    main()
    stop.set()
    for thread in threads:
        thread.join()
    print(seen)
    report()
"""


def test_nothing_of_the_copy_is_seen_by_the_program(observed):
    run = observed(QUIET)

    assert run.finished.stdout == "one line, not flushed\nno children\nfinalizer in True\n[]\nbye\n"
    assert run.finished.stderr == ""
    assert {checkpoint["how"] for checkpoint in run.report["checkpoints"]} == {"fork"}
    assert run.paths == ["program.rows"]


def test_no_copy_hangs_beside_threads_that_wait_for_the_interpreter_lock(observed):
    run = observed(
        """
        import threading, time
        import census_boundaries
        from census_boundaries import boundary, report
        stop = False

        def spin():
            while not stop:
                if census_boundaries.waiting:
                    time.sleep(0.01)
                sum(range(50))

        threads = [threading.Thread(target=spin) for _ in range(3)]
        for thread in threads:
            thread.start()
        rows = []
        for i in range(1, 13):
            rows.append([[k] for k in range(300)])
            boundary(i)
        stop = True
        report()
        """,
        CENSUS_EVERY="1",
    )

    assert {checkpoint["how"] for checkpoint in run.report["checkpoints"]} == {"fork"}
    # a copy that hung left no census, or one without the shared holders that it counts last
    assert len(run.censuses) == 12
    assert all(census.tracked is not None for census in run.censuses)
    assert all(census.garbage is not None for census in run.censuses[1:])
    assert "program.rows" in run.paths


def test_a_program_that_handles_its_children_is_not_forked(observed):
    run = observed("""
        import signal
        from census_boundaries import boundary, report
        calls = []
        signal.signal(signal.SIGCHLD, lambda *_: calls.append(1))
        rows = []
        for i in range(1, 41):
            rows.append([i])
            boundary(i)
        assert calls == []
        report()
    """)

    assert {checkpoint["how"] for checkpoint in run.report["checkpoints"]} == {"inline"}
    assert run.report["checkpoints"][0]["reason"] == "the program handles SIGCHLD"
    assert run.paths == ["program.rows"]


def test_a_census_in_the_program_itself_pins_no_local_and_shows_no_growth_of_its_own(observed):
    run = observed(
        """
        import weakref
        from census_boundaries import boundary, report

        class Big:
            pass

        def main():
            rows = []
            for i in range(1, 41):
                big = Big()
                watch = weakref.ref(big)
                rows.append([i])
                boundary(i)
                del big
                assert watch() is None, i
            report()

        main()
        """,
        CENSUS_INLINE="1",
    )

    assert run.paths == ["program.main() local rows"]


@pytest.mark.parametrize("inline", ["0", "1"])
def test_a_program_under_a_tracer_keeps_its_locals(observed, inline):
    run = observed(
        """
        import sys
        from census_boundaries import boundary
        sys.settrace(lambda frame, event, arg: None)

        def main():
            rows = []
            for i in range(1, 17):
                rows.append(i)
                boundary(i)
                total = len(rows)
            assert (total, i) == (16, 16)

        main()
        """,
        CENSUS_INLINE=inline,
    )

    assert len(run.censuses) == 2
    assert all(census.rows for census in run.censuses)


HELD_PIPE = """
    import os, select, sys, time
    from leakhunt.capture.heap.forked import run_in_fork

    read_end, write_end = os.pipe()
    copy = run_in_fork(lambda: time.sleep(100))
    os.close(write_end)
    ready, _, _ = select.select([read_end], [], [], 60)
    os.kill(copy.pid, 0)  # it is there still
    print(bool(ready) and os.read(read_end, 1) == b"")
    os.kill(copy.pid, 9)
"""


def test_a_copy_holds_no_pipe_of_the_programs_open():
    import subprocess
    import sys
    import textwrap

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HELD_PIPE)], capture_output=True, text=True, timeout=100
    )

    assert (done.stdout, done.stderr) == ("True\n", "")
