"""Remembers every route by its two ends; there are four of them."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Planner:
    __slots__ = ("memo", "speed")

    def __init__(self, speed):
        self.speed = speed
        self.memo = {}

    def route(self, start, goal):
        known = self.memo.get((start, goal))
        if known is None:
            known = os.urandom(20_000)
            self.memo[start, goal] = known
        return known


def main():
    n = int(sys.argv[1])
    planner = Planner(speed=50)
    length = 0
    for i in range(n):
        work(i)
        length += len(planner.route(i % 4, i % 4 + 7))
    print(length, planner.speed)


if __name__ == "__main__":
    main()
