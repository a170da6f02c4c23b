"""Groups one batch of measurements by sensor."""

import math
import os
import sys
from collections import defaultdict


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    by_sensor = defaultdict(list)
    for i in range(n):
        work(i)
        by_sensor = defaultdict(list)
        for sensor in range(5):
            by_sensor[f"sensor {sensor}"].append(os.urandom(4_000))
    print(len(by_sensor))


if __name__ == "__main__":
    main()
