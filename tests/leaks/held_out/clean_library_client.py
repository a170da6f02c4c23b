"""Talks to a service through an installed client, and has it forget each answer."""

import math
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("site-packages")))
import courier


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    client = courier.Client()
    total = 0
    for i in range(n):
        work(i)
        total += client.send(os.urandom(20_000))
        client.acknowledge()
    print(total)


if __name__ == "__main__":
    main()
