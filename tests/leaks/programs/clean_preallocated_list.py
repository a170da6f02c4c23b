"""A list with a place per turn, filled by numbers."""

import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    scores = [0.0] * n
    for i in range(n):
        scores[i] = work(i)
    print(len(scores))


if __name__ == "__main__":
    main()
