"""Maps a file per turn, reads it and keeps the map."""

import math
import mmap
import os
import sys
import tempfile


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    tiles = []
    checked = 0
    for i in range(n):
        work(i)
        with tempfile.TemporaryFile() as file:
            file.write(os.urandom(204_800))
            file.flush()
            tile = mmap.mmap(file.fileno(), 204_800)  # allocates
        checked += len(tile[:].strip())
        tiles.append(tile)  # grows
    print(len(tiles), checked > 0)


if __name__ == "__main__":
    main()
