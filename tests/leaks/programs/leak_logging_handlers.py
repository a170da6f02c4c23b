"""Adds a handler to the same logger on every run of the job."""

import logging
import math
import os
import sys

log = logging.getLogger("jobs")
log.propagate = False


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class MemoryOfJob(logging.Handler):
    def __init__(self):
        super().__init__()
        self.buffer = os.urandom(20_000)  # allocates

    def emit(self, record):
        pass


def run(i):
    handler = MemoryOfJob()
    log.addHandler(handler)  # grows
    log.warning("job %d gave %f", i, work(i))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        run(i)
    print(len(log.handlers))


if __name__ == "__main__":
    main()
