"""Imports, compiles patterns and fills type caches in the first four turns."""

import importlib
import math
import re
import sys

MODULES = ("decimal", "fractions", "statistics", "email.message")


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        if i < len(MODULES):
            importlib.import_module(MODULES[i])
            re.compile(rf"(\d+)\s*turn {i} (\w+|[a-z]{{3,9}})")
    print(len(MODULES))


if __name__ == "__main__":
    main()
