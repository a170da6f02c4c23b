"""Appends every frame of a capture to one buffer."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    capture = bytearray()
    for i in range(n):
        work(i)
        capture.extend(os.urandom(20_000))  # grows
    print(len(capture))


if __name__ == "__main__":
    main()
