"""Makes a class per schema and registers it."""

import math
import os
import sys

MODELS = {}


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        model = type(f"Model{i}", (), {"weights": os.urandom(20_000)})  # allocates
        MODELS[model.__name__] = model  # grows
    print(len(MODELS))


if __name__ == "__main__":
    main()
