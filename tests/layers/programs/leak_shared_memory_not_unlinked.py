"""Makes a shared memory segment per turn, closes it and leaves it to the machine."""

import math
import sys
from multiprocessing import shared_memory


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


def exchange(i):
    segment = shared_memory.SharedMemory(create=True, size=65_536)  # grows
    segment.buf[0] = i % 255
    segment.close()


def main(n):
    for i in range(n):
        work(i)
        exchange(i)


if __name__ == "__main__":
    main(int(sys.argv[1]))
