"""Loops in several threads: the main thread's boundaries come first, nobody's are lost to another's."""

from __future__ import annotations

import threading
from typing import Any

from leakhunt.capture.rewrite import rewrite
from leakhunt.capture.turns import Follower


class Listener:
    """Keeps the completed turns of every boundary; `meanwhile` is done at each boundary of other threads."""

    def __init__(self, meanwhile: Any = None) -> None:
        self.turns: dict[int, list[int]] = {}
        self.meanwhile = meanwhile

    def loop_found(self, site: Any, parent: Any) -> None: ...

    def entered(self, instance: Any) -> None: ...

    def left(self, instance: Any, how: str) -> None: ...

    def boundary(self, instance: Any, values: list[Any] | None) -> None:
        self.turns.setdefault(instance.site.line, []).append(instance.completed)
        if self.meanwhile is not None and instance.thread_id != threading.main_thread().ident:
            self.meanwhile()


MAIN = "def main(work):\n    for i in range(8):\n        work()\n"
OTHER = "def other(work):\n\n    for i in range(400):\n        work()\n"


def loops(listener: Listener, clock: Any = None) -> dict[str, Any]:
    follower = Follower(listener, None, clock) if clock is not None else Follower(listener)
    names: dict[str, Any] = {"__name__": "program"}
    for source in (MAIN, OTHER):
        code = rewrite(source, "/project/program.py", follower.new_site)
        assert code is not None
        exec(code, names)
    return names


def test_the_main_thread_waits_for_another_that_is_telling_and_misses_no_turn() -> None:
    speaking, go_on = threading.Event(), threading.Event()

    def meanwhile() -> None:
        speaking.set()
        go_on.wait(5)

    listener = Listener(meanwhile)
    program = loops(listener)
    pause = threading.Event()
    other = threading.Thread(target=program["other"], args=(lambda: pause.wait(0.006),))
    other.start()
    assert speaking.wait(5)
    # The other thread is in the middle of a boundary; it goes on as soon as the main thread waits for it.
    threading.Timer(0.02, go_on.set).start()
    program["main"](lambda: pause.wait(0.006))
    other.join()

    assert listener.turns[2] == list(range(8))


def test_a_boundary_inside_a_boundary_of_the_same_thread_is_passed_over() -> None:
    told: list[int] = []

    class Nested(Listener):
        def boundary(self, instance: Any, values: list[Any] | None) -> None:
            told.append(instance.completed)
            if len(told) == 1:
                program["main"](lambda: None)  # a finalizer of the target's own that has a loop

    program = loops(Nested())
    pause = threading.Event()

    program["main"](lambda: pause.wait(0.006))

    assert told == sorted(told)


def test_another_thread_rests_in_proportion_to_what_its_boundaries_took() -> None:
    now = [100.0]
    listener = Listener(lambda: now.__setitem__(0, now[0] + 0.05))  # it lost the lock for 50 ms
    program = loops(listener, lambda: now[0])
    other = threading.Thread(target=program["other"], args=(lambda: now.__setitem__(0, now[0] + 0.01),))

    other.start()
    other.join()

    assert 2 <= len(listener.turns[3]) <= 8  # of 400 turns in 4 s: one boundary a second
