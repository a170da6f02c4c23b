"""One big import at half time: a step, not a slope."""

import math
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        if i == n // 2:
            import sqlite3
            import xml.dom.minidom
    print(sqlite3.sqlite_version_info > (3,), xml.dom.minidom.__name__)


if __name__ == "__main__":
    main()
