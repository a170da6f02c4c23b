"""Writes every message to a stream in memory that is never emptied."""

import io
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    stream = io.BytesIO()
    for i in range(n):
        work(i)
        stream.write(os.urandom(20_000))  # grows
    print(stream.tell())


if __name__ == "__main__":
    main()
