"""Sets an attribute with a new name on one object in each turn."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Results:
    pass


RESULTS = Results()


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        setattr(RESULTS, f"run_{i}", os.urandom(20_000))  # grows
    print(len(vars(RESULTS)))


if __name__ == "__main__":
    main()
