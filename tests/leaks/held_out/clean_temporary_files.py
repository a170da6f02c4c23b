"""Writes a temporary file per turn and closes it, which removes it."""

import math
import os
import sys
import tempfile


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    sizes = 0
    for i in range(n):
        work(i)
        with tempfile.NamedTemporaryFile() as draft:
            draft.write(os.urandom(20_000))
            sizes += draft.tell()
    print(sizes)


if __name__ == "__main__":
    main()
