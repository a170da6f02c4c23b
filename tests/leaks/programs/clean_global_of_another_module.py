"""Asks the other module to forget each answer once it is counted."""

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
        answers.record(i, os.urandom(20_000))
        answers.forget(i)
    print(len(answers.RECORDED))


if __name__ == "__main__":
    main()
