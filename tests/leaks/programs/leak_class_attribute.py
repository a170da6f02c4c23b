"""Every experiment enters itself in a list of its class."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Experiment:
    every = []

    def __init__(self, number):
        self.number = number
        self.readings = os.urandom(20_000)  # allocates
        Experiment.every.append(self)  # grows


def main():
    n = int(sys.argv[1])
    for i in range(n):
        experiment = Experiment(i)
        work(experiment.number)
    print(len(Experiment.every))


if __name__ == "__main__":
    main()
