"""Folds each block of samples into a running mean."""

import sys

import numpy as np


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    mean = np.zeros(25)
    for i in range(n):
        block = random.standard_normal((100, 25))
        for _ in range(100):
            np.linalg.eigvalsh(block.T @ block)
        mean += (block.mean(axis=0) - mean) / (i + 1)
    print(mean.shape)


if __name__ == "__main__":
    main()
