"""Makes a pool of processes per turn and never closes one."""

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
        pool = multiprocessing.Pool(1)  # allocates
        POOLS.append(pool)  # grows
        total += sum(pool.map(work, [i]))
    print(total)
    for pool in POOLS:
        pool.terminate()


if __name__ == "__main__":
    main()
