"""Opens a file per turn and closes it."""

import math
import os
import sys

FILES = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        file = open(os.devnull, "rb")
        file.close()
    print(len(FILES))


if __name__ == "__main__":
    main()
