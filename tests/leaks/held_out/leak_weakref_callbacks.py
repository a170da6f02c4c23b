"""Watches one long-lived service with a weak reference per turn; their callbacks hold a block each."""

import math
import os
import sys
import weakref

WATCHERS = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Service:
    pass


class Forget:
    def __init__(self, block):
        self.block = block

    def __call__(self, reference):
        self.block = None


def main():
    n = int(sys.argv[1])
    service = Service()
    for i in range(n):
        work(i)
        forget = Forget(os.urandom(20_000))  # allocates
        WATCHERS.append(weakref.ref(service, forget))  # grows
    print(len(WATCHERS), service is not None)


if __name__ == "__main__":
    main()
