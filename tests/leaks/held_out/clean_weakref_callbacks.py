"""Watches a service per turn with a weak reference whose callback removes it when the service goes."""

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
        WATCHERS.remove(reference)


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        service = Service()
        WATCHERS.append(weakref.ref(service, Forget(os.urandom(20_000))))
    print(len(WATCHERS), service is not None)


if __name__ == "__main__":
    main()
