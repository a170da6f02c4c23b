"""Files a callback per job under its number, calls it and takes it out."""

import functools
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def finish(job, payload):
    return job, len(payload)


class Scheduler:
    callbacks = {}


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        Scheduler.callbacks[i] = functools.partial(finish, i, os.urandom(20_000))
        Scheduler.callbacks.pop(i)()
    print(len(Scheduler.callbacks))


if __name__ == "__main__":
    main()
