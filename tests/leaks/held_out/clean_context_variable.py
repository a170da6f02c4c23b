"""A context variable that is reset at the end of each turn."""

import contextvars
import math
import os
import sys

TRAIL = contextvars.ContextVar("trail", default=())


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        token = TRAIL.set((*TRAIL.get(), os.urandom(20_000)))
        TRAIL.reset(token)
    print(len(TRAIL.get()))


if __name__ == "__main__":
    main()
