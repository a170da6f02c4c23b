"""Each turn needs a little more than the one before and gives it all back."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        chunk = os.urandom(20_000 + 2_000 * i)
        size = len(chunk)
        del chunk
    print(size)


if __name__ == "__main__":
    main()
