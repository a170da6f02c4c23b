"""One number per turn in a list: it grows, and by too little to speak of."""

import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    losses = []
    for i in range(n):
        losses.append(work(i))
    print(len(losses))


if __name__ == "__main__":
    main()
