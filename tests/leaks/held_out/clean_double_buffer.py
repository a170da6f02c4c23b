"""Two large buffers that swap places in each turn."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    front, back = b"", b""
    for i in range(n):
        work(i)
        front, back = back, os.urandom(200_000)
    print(len(front), len(back))


if __name__ == "__main__":
    main()
