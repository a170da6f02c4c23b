"""Makes an instance per schema, of one class, and lets it go."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Model:
    def __init__(self, name, weights):
        self.name = name
        self.weights = weights


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        model = Model(f"Model{i}", os.urandom(20_000))
    print(len(model.weights))


if __name__ == "__main__":
    main()
