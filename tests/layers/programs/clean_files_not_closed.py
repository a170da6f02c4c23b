"""Opens a file per turn by number and closes it."""

import math
import os
import sys
import tempfile


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


def note(folder, i):
    number = os.open(f"{folder}/chunk-{i}.csv", os.O_CREAT | os.O_WRONLY)
    os.write(number, b"row")
    os.close(number)


def main(n):
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n):
            work(i)
            note(folder, i)


if __name__ == "__main__":
    main(int(sys.argv[1]))
