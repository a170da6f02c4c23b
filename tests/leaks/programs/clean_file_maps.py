"""Maps a file per turn, reads it and closes the map."""

import math
import mmap
import os
import sys
import tempfile


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    checked = 0
    for i in range(n):
        work(i)
        with tempfile.TemporaryFile() as file:
            file.write(os.urandom(204_800))
            file.flush()
            with mmap.mmap(file.fileno(), 204_800) as tile:
                checked += len(tile[:].strip())
    print(checked > 0)


if __name__ == "__main__":
    main()
