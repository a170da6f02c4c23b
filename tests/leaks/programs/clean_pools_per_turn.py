"""Makes a pool of processes per turn and closes it."""

import multiprocessing
import sys
import time

POOLS = []


def work(i):
    time.sleep(0.03)
    return i * i


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        pool = multiprocessing.Pool(1)
        total += sum(pool.map(work, [i]))
        pool.close()
        pool.join()
    print(total, len(POOLS))


if __name__ == "__main__":
    main()
