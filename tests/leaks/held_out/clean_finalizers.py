"""Registers a clean-up per job and calls it when the job is done."""

import math
import os
import sys
import weakref


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Application:
    pass


def clean_up(scratch):
    return len(scratch)


def main():
    n = int(sys.argv[1])
    application = Application()
    for i in range(n):
        work(i)
        finish = weakref.finalize(application, clean_up, os.urandom(20_000))
        finish()
    print(application is not None)


if __name__ == "__main__":
    main()
