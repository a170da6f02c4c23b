"""Extends an array of doubles with every batch."""

import array
import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    readings = array.array("d")
    for i in range(n):
        level = work(i)
        batch = [level + k for k in range(2_500)]
        readings.extend(batch)  # grows
    print(len(readings))


if __name__ == "__main__":
    main()
