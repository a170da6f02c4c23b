"""Makes a block of shared memory per turn for a result, closes and unlinks it."""

import math
import os
import sys
from multiprocessing import shared_memory


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        work(i)
        block = shared_memory.SharedMemory(create=True, size=204_800)
        block.buf[:204_800] = os.urandom(204_800)
        total += block.size
        block.close()
        block.unlink()
    print(total)


if __name__ == "__main__":
    main()
