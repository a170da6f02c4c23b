"""A sliding window without a width."""

import math
import os
import sys
from collections import deque


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    window = deque()
    for i in range(n):
        work(i)
        window.append(os.urandom(20_000))  # grows
    print(len(window))


if __name__ == "__main__":
    main()
