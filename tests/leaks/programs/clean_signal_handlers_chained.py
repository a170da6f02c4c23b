"""Installs a signal handler per turn that calls the one before, and puts that one back."""

import math
import os
import signal
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def after(previous, block):
    def handler(number, frame):
        print(len(block))
        if callable(previous):
            previous(number, frame)

    return handler


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        block = os.urandom(20_000)
        before = signal.signal(signal.SIGUSR2, after(signal.getsignal(signal.SIGUSR2), block))
        signal.signal(signal.SIGUSR2, before)
    print(n)


if __name__ == "__main__":
    main()
