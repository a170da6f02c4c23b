"""Starts a listener thread per connection; each waits for good and holds its buffer."""

import math
import os
import sys
import threading


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def listen(connection, closed):
    buffer = os.urandom(20_000)  # allocates
    closed.wait()
    return connection, buffer


def main():
    n = int(sys.argv[1])
    closed = threading.Event()
    for i in range(n):
        work(i)
        listener = threading.Thread(target=listen, args=(i, closed), daemon=True)
        listener.start()  # grows
    print(threading.active_count())
    closed.set()


if __name__ == "__main__":
    main()
