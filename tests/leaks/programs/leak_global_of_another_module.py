"""Records each answer in another module, which keeps them all."""

import math
import os
import sys

import answers


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        answers.record(i, os.urandom(20_000))  # allocates
    print(len(answers.RECORDED))


if __name__ == "__main__":
    main()
