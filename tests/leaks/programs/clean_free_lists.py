"""Makes and drops many small objects, more in each turn up to the tenth: free lists fill, nothing is kept."""

import math
import sys


def work(i):
    floats = [math.sqrt(i + k) for k in range(20_000 + 500 * min(i, 10))]
    pairs = [(value, [value]) for value in floats]
    return len({index: pair for index, pair in enumerate(pairs)})


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        total += work(i)
    print(total)


if __name__ == "__main__":
    main()
