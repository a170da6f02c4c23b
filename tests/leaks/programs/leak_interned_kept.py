"""Interns a long name per turn and keeps it."""

import math
import sys

NAMES = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        name = sys.intern(f"{i:05d}" * 4_000)  # allocates
        NAMES.append(name)  # grows
    print(len(NAMES))


if __name__ == "__main__":
    main()
