"""Writes a temporary file per turn and keeps it open."""

import math
import os
import sys
import tempfile


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    drafts = []
    for i in range(n):
        work(i)
        draft = tempfile.NamedTemporaryFile()  # allocates
        draft.write(os.urandom(20_000))
        drafts.append(draft)  # grows
    print(len(drafts))


if __name__ == "__main__":
    main()
