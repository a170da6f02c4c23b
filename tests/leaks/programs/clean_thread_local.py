"""A thread-local trail that each request starts anew."""

import math
import os
import sys
import threading

LOCAL = threading.local()


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    LOCAL.trail = []
    for i in range(n):
        work(i)
        LOCAL.trail = [os.urandom(20_000)]
    print(len(LOCAL.trail))


if __name__ == "__main__":
    main()
