"""Prints what following loops costs: seconds under leakhunt's follower over seconds under plain Python.

    python benchmarks/follow.py [PART OF A NAME...]

Tight loops may take 1.10 times as long, ordinary programs 1.03 times.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from leakhunt.capture.rewrite import rewrite
from leakhunt.capture.turns import Follower

PROGRAMS = {
    "for range, add": """
        s = 0
        for i in range(60_000_000): s += i""",
    "for list, append": """
        xs = list(range(6_000_000)); out = []
        for x in xs * 6: out.append(x)""",
    "for zip of lists": """
        xs = list(range(6_000_000)); s = 0
        for a, b in zip(xs * 4, xs * 4): s += a * b""",
    "while, add": """
        n = 0
        while n < 60_000_000: n += 1""",
    "comprehension": """
        for _ in range(50): [x * x for x in range(800_000)]""",
    "small inner loops": """
        s = 0
        for i in range(8_000_000):
            for j in range(8): s += j""",
    "small comprehensions": """
        for i in range(12_000_000): [x for x in (1, 2, 3, 4)]""",
    "generator pipeline": """
        def gen(n):
            for i in range(n): yield i
        s = 0
        for x in (y + 1 for y in gen(24_000_000)): s += x""",
    "string work": """
        d = {}
        for i in range(8_000_000):
            k = str(i % 1000) + "x"
            d[k] = d.get(k, 0) + len(k.upper().split("x"))""",
    "recursion": """
        def fib(n):
            for _ in (0,): return n if n < 2 else fib(n - 1) + fib(n - 2)
        fib(34)""",
    "turns of 20 us": """
        for i in range(120_000): sum(range(1500))""",
    "turns of 300 us": """
        for i in range(9_000): sum(range(20_000))""",
}


class Silent:
    """A listener that does nothing: the cost measured is the follower's own."""

    def loop_found(self, site: Any, parent: Any) -> None: ...
    def entered(self, instance: Any) -> None: ...
    def boundary(self, instance: Any, values: Any) -> None: ...
    def left(self, instance: Any, how: str) -> None: ...


def seconds(code: Any) -> float:
    """Return the processor time of one run of the program (the machine may be busy)."""
    names: dict[str, Any] = {}
    exec(code, names)
    gc.collect()
    began = time.process_time()
    names["run"]()
    return time.process_time() - began


def main() -> None:
    """Print a line per program: best of three, taken in turns."""
    for name, body in PROGRAMS.items():
        if sys.argv[1:] and not any(part in name for part in sys.argv[1:]):
            continue
        source = f"def run():{body}\n"
        plain, followed = [], []
        for _ in range(3):
            plain.append(seconds(compile(source, name, "exec")))
            followed.append(seconds(rewrite(source, name, Follower(Silent()).new_site)))
        print(f"{name:24} {min(plain) * 1e3:8.1f} ms  {min(followed) / min(plain):5.2f} x")


if __name__ == "__main__":
    main()
