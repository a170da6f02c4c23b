"""Classes that programs make and drop wait for the collector; native code does not hold them."""

from __future__ import annotations

from census_programs import observe

PROGRAM = """
    import dataclasses, gc
    from census_boundaries import boundary

    gc.disable()

    def make():
        @dataclasses.dataclass
        class Point:
            x: int
            y: str = "a"

        class Slotted:
            __slots__ = ("value",)

        return Point(1), Slotted()

    for turn in range(1, 41):
        for _ in range(3):
            make()
        boundary(turn)
"""


def test_classes_that_were_dropped_are_in_cycles_and_not_held_by_native_code(tmp_path):
    run = observe(tmp_path, {"program.py": PROGRAM})

    garbage = run.censuses[-1].garbage
    assert garbage is not None
    count, _, held, *_ = garbage["type"]
    assert count >= 200  # two classes, three times a turn, forty turns
    assert held <= 0.1 * count
    assert not any(growth.root == "native" and growth.type == "type" for growth in run.growths)
