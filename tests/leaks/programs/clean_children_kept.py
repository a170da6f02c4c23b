"""Starts a helper process per turn and waits for it."""

import math
import subprocess
import sys

HELPERS = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        helper = subprocess.Popen(["sleep", "600"])
        helper.kill()
        helper.wait()
    print(len(HELPERS))


if __name__ == "__main__":
    main()
