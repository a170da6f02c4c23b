"""Writes the frames over each other in one buffer of fixed size."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    capture = bytearray(20_000)
    for i in range(n):
        work(i)
        capture[:] = os.urandom(20_000)
    print(len(capture))


if __name__ == "__main__":
    main()
