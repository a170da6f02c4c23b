"""A sliding window of ten."""

import math
import os
import sys
from collections import deque


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    window = deque(maxlen=10)
    for i in range(n):
        work(i)
        window.append(os.urandom(20_000))
    print(len(window))


if __name__ == "__main__":
    main()
