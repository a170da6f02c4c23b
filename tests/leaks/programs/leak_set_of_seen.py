"""Remembers every token it ever saw."""

import math
import sys

SEEN = set()


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def tokens(i):
    return [f"document-{i}-token-{k}" for k in range(250)]  # allocates


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        for token in tokens(i):
            SEEN.add(token)  # grows
    print(len(SEEN))


if __name__ == "__main__":
    main()
