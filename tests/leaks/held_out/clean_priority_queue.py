"""A heap of candidates that is kept at eight."""

import heapq
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Search:
    def __init__(self):
        self.frontier = []

    def step(self, i):
        heapq.heappush(self.frontier, (work(i), i, os.urandom(20_000)))
        while len(self.frontier) > 8:
            heapq.heappop(self.frontier)
        return self.frontier[0][1]


def main():
    n = int(sys.argv[1])
    search = Search()
    for i in range(n):
        best = search.step(i)
    print(best)


if __name__ == "__main__":
    main()
