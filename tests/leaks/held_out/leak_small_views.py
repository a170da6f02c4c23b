"""Keeps the first eight values of each scan, as views of the whole scan."""

import math
import sys

import numpy as np


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    heads = []
    for i in range(n):
        work(i)
        scan = random.standard_normal(2_500)  # allocates
        heads.append(scan[:8])  # grows
    print(len(heads))


if __name__ == "__main__":
    main()
