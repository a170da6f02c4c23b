"""A dictionary of numbers to text: no object in it is tracked by the collector."""

import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    labels = {}
    for i in range(n):
        work(i)
        for k in range(100):
            labels[i * 100 + k] = f"{i}:{k} " * 25  # grows
    print(len(labels))


if __name__ == "__main__":
    main()
