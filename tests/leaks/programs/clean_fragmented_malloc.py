"""Ever larger messages, cut down to their headers: behind each a gap in malloc's heap that fits no later one."""

import math
import os
import sys
from collections import deque


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    headers = deque(maxlen=6_000)
    for i in range(n):
        work(i)
        for _ in range(100):
            message = bytearray(os.urandom(40_000 + 1_000 * i))
            del message[600:]
            headers.append(message)
    print(len(headers))


if __name__ == "__main__":
    main()
