"""A buffer that is flushed every ten turns, and beside it an index that never is."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    buffer = []
    index = {}
    for i in range(n):
        work(i)
        buffer.append(os.urandom(50_000))
        index[i] = os.urandom(20_000)  # grows
        if len(buffer) == 10:
            buffer.clear()
    print(len(buffer), len(index))


if __name__ == "__main__":
    main()
