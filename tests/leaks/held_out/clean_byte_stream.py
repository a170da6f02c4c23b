"""Writes every message to a stream in memory and empties it."""

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
        stream.seek(0)
        stream.truncate()
        stream.write(os.urandom(20_000))
    print(stream.tell())


if __name__ == "__main__":
    main()
