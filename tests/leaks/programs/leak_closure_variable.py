"""A counter function whose closure keeps what it counted."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def make_counter():
    seen = []

    def count(block):
        seen.append(block)  # grows
        return len(seen)

    return count


def main():
    n = int(sys.argv[1])
    count = make_counter()
    for i in range(n):
        work(i)
        total = count(os.urandom(20_000))  # allocates
    print(total)


if __name__ == "__main__":
    main()
