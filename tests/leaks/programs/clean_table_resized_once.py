"""A dictionary that gains a few small keys and is resized once inside the run."""

import math
import sys

INDEX = {k: k for k in range(43_600)}


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        if i < 6:
            for k in range(20):
                INDEX[100_000 + i * 20 + k] = k
    print(len(INDEX))


if __name__ == "__main__":
    main()
