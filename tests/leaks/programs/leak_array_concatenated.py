"""Concatenates each block of samples to all that came before."""

import sys

import numpy as np


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    samples = np.empty((0, 25))
    for i in range(n):
        block = random.standard_normal((100, 25))
        for _ in range(100):
            np.linalg.eigvalsh(block.T @ block)
        samples = np.concatenate([samples, block])  # grows
    print(samples.shape)


if __name__ == "__main__":
    main()
