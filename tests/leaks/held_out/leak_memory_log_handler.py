"""Holds log records back until something critical happens, which it never does."""

import logging
import logging.handlers
import math
import os
import sys

HANDLER = logging.handlers.MemoryHandler(1_000_000, flushLevel=logging.CRITICAL, target=logging.NullHandler())

log = logging.getLogger("requests")
log.propagate = False
log.setLevel(logging.INFO)
log.addHandler(HANDLER)


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        body = os.urandom(20_000)  # allocates
        log.info("request %d had the body %r", i, body)  # grows
    print(len(HANDLER.buffer))


if __name__ == "__main__":
    main()
