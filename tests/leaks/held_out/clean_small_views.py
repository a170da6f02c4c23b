"""Keeps the first eight values of each scan, copied into a table made for them."""

import math
import sys

import numpy as np


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    heads = np.zeros((n, 8))
    for i in range(n):
        work(i)
        scan = random.standard_normal(2_500)
        heads[i] = scan[:8]
    print(len(heads))


if __name__ == "__main__":
    main()
