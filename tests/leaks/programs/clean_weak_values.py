"""A weak-value dictionary: an entry goes when its page does."""

import math
import os
import sys
import weakref


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Page:
    def __init__(self):
        self.text = os.urandom(20_000)


PAGES = weakref.WeakValueDictionary()


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        page = Page()
        PAGES[i] = page
    print(len(PAGES))


if __name__ == "__main__":
    main()
