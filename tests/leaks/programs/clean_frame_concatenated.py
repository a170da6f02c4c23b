"""Aggregates every chunk of a table and keeps the sums."""

import sys

import numpy as np
import pandas as pd


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    sums = pd.Series(0.0, index=list("abcde"))
    for i in range(n):
        chunk = pd.DataFrame(random.standard_normal((500, 5)), columns=list("abcde"))
        chunk.sort_values("a").rolling(5).mean()
        sums = sums + chunk.sum()
    print(len(sums))


if __name__ == "__main__":
    main()
