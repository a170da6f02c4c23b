"""Arrays made and dropped inside each turn."""

import sys

import numpy as np


def main():
    n = int(sys.argv[1])
    random = np.random.default_rng(0)
    for i in range(n):
        field = random.standard_normal((200, 200))
        norm = float(np.linalg.norm(field @ field.T - field))
    print(norm > 0)


if __name__ == "__main__":
    main()
