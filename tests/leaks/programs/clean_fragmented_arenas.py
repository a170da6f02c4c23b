"""Many objects of another size in each turn; one in hundreds stays a while and keeps its pool from the others."""

import math
import sys
from collections import deque


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    samples = deque(maxlen=16_000)
    for i in range(n):
        work(i)
        size = 64 + 16 * (i // 2 % 28)
        lines = [bytes(size - 33) for _ in range(4_000_000 // size)]
        samples.extend(lines[:: 16_384 // size])
    print(len(samples), len(lines))


if __name__ == "__main__":
    main()
