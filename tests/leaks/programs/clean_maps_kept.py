"""Maps a scratch area per turn, fills it and closes it."""

import math
import mmap
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    areas = []
    for i in range(n):
        work(i)
        area = mmap.mmap(-1, 20_480)
        area.write(os.urandom(20_480))
        area.close()
    print(len(areas))


if __name__ == "__main__":
    main()
