"""A cache on a method keeps every instance that it was called on."""

import math
import os
import sys
from functools import cache


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Document:
    def __init__(self, number):
        self.number = number
        self.text = os.urandom(20_000)  # allocates

    @cache
    def checksum(self):
        return sum(self.text)


def main():
    n = int(sys.argv[1])
    total = 0
    for i in range(n):
        work(i)
        document = Document(i)
        total += document.checksum()  # grows
    print(total)


if __name__ == "__main__":
    main()
