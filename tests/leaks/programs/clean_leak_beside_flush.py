"""A buffer that is flushed every ten turns."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    buffer = []
    for i in range(n):
        work(i)
        buffer.append(os.urandom(50_000))
        if len(buffer) == 10:
            buffer.clear()
    print(len(buffer))


if __name__ == "__main__":
    main()
