"""Asks to be called at exit once per turn; each report waits until then."""

import atexit
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Report:
    def __init__(self, number):
        self.number = number
        self.body = os.urandom(20_000)  # allocates

    def save(self):
        return len(self.body)


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        report = Report(i)
        atexit.register(report.save)  # grows
    print(report.number)


if __name__ == "__main__":
    main()
