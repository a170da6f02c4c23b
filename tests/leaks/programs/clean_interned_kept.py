"""Interns one of five long names per turn and keeps the last ones."""

import math
import sys

NAMES = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        name = sys.intern(f"{i % 5:05d}" * 4_000)
        NAMES.append(name)
        del NAMES[:-5]
    print(len(NAMES))


if __name__ == "__main__":
    main()
