"""Holds log records back until there are five."""

import logging
import logging.handlers
import math
import os
import sys

HANDLER = logging.handlers.MemoryHandler(5, flushLevel=logging.CRITICAL, target=logging.NullHandler())

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
        body = os.urandom(20_000)
        log.info("request %d had the body %r", i, body)
    print(len(HANDLER.buffer))


if __name__ == "__main__":
    main()
