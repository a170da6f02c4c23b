"""Fills one more row of an object array in each turn."""

import os
import sys

import numpy as np


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    table = np.empty((n, 2), dtype=object)
    for i in range(n):
        np.linalg.eigvalsh(random.standard_normal((60, 60)))
        table[i, 0] = os.urandom(20_000)  # grows
    print(table.shape)


if __name__ == "__main__":
    main()
