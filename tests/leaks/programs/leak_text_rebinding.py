"""Collects the whole log as one string."""

import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    log = ""
    for i in range(n):
        line = f"{work(i):.6f};" * 1_500
        log += line  # grows
    print(len(log))


if __name__ == "__main__":
    main()
