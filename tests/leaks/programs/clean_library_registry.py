"""Reports spans to an installed library and exports them in the same turn, which forgets them."""

import math
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("site-packages")))
import wiretap


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    exported = 0
    for i in range(n):
        work(i)
        wiretap.record(f"span {i}", os.urandom(20_000))
        exported += wiretap.export()
    print(exported)


if __name__ == "__main__":
    main()
