"""A loop that only waits: whatever grows here is the observer."""

import sys
import time


def main():
    n = int(sys.argv[1])
    for _ in range(n):
        time.sleep(0.005)
    print(n)


if __name__ == "__main__":
    main()
