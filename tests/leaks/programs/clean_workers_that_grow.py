"""A pool's worker keeps every image that it has drawn, and is replaced after five."""

import multiprocessing
import os
import sys
import time

DRAWN = []


def draw(i):
    time.sleep(0.05)
    image = os.urandom(400_000)
    DRAWN.append(image)
    return len(image)


def main():
    n = int(sys.argv[1])
    total = 0
    with multiprocessing.Pool(1, maxtasksperchild=5) as pool:
        for i in range(n):
            total += pool.apply(draw, (i,))
    print(total)


if __name__ == "__main__":
    main()
