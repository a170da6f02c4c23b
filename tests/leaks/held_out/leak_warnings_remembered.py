"""Warns with a new text in each turn: the module's registry remembers each."""

import math
import sys
import warnings


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        warnings.warn(f"row {i} is odd: " + "?" * 20_000, UserWarning)  # grows
    print(n)


if __name__ == "__main__":
    main()
