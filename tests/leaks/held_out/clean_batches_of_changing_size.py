"""Batches between one and nine megabytes in no order; only one is held at a time."""

import random
import sys

import numpy as np


def main():
    n = int(sys.argv[1])
    choice = random.Random(3)
    for i in range(n):
        batch = np.ones((choice.randrange(125, 1_125), 1_000))
        total = float(batch.sum())
    print(total > 0)


if __name__ == "__main__":
    main()
