"""Keeps 50 kB per turn beside two gigabytes that stay: a thousandth of the heap in forty turns."""

import os
import sys

TABLES = [bytearray(os.urandom(1_000_000) * 10) for _ in range(195)]
RECORDS = [{"id": k, "name": f"record {k}"} for k in range(150_000)]


def work(i):
    return sum(row["id"] for row in RECORDS[i::20])


def main():
    n = int(sys.argv[1])
    notes = []
    for i in range(n):
        work(i)
        notes.append(os.urandom(50_000))  # grows
    print(len(notes), len(TABLES))


if __name__ == "__main__":
    main()
