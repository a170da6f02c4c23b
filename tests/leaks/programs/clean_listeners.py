"""Every view subscribes to the bus and is taken off it."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Bus:
    def __init__(self):
        self.listeners = []

    def subscribe(self, listener):
        self.listeners.append(listener)

    def publish(self, event):
        for listener in self.listeners:
            listener(event)


class View:
    def __init__(self, bus):
        self.pixels = os.urandom(20_000)
        bus.subscribe(self.refresh)

    def refresh(self, event):
        self.event = event


BUS = Bus()


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        view = View(BUS)
        BUS.publish(i)
        BUS.listeners.remove(view.refresh)
    print(len(BUS.listeners))


if __name__ == "__main__":
    main()
