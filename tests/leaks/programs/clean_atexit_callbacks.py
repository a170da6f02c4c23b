"""Asks to be called at exit while a report is open, and takes that back in the same turn."""

import atexit
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Report:
    def __init__(self, number):
        self.number = number
        self.body = os.urandom(20_000)

    def save(self):
        return len(self.body)


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        report = Report(i)
        atexit.register(report.save)
        atexit.unregister(report.save)
    print(report.number)


if __name__ == "__main__":
    main()
