"""Concatenates every chunk of a table into one frame that is only written at the end."""

import sys

import numpy as np
import pandas as pd


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    table = pd.DataFrame()
    for i in range(n):
        chunk = pd.DataFrame(random.standard_normal((500, 5)), columns=list("abcde"))
        chunk.sort_values("a").rolling(5).mean()
        table = pd.concat([table, chunk], ignore_index=True)  # grows
    print(len(table))


if __name__ == "__main__":
    main()
