"""Starts a listener thread per connection and joins it."""

import math
import os
import sys
import threading


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def listen(connection, closed):
    buffer = os.urandom(20_000)
    closed.wait()
    return connection, buffer


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        closed = threading.Event()
        listener = threading.Thread(target=listen, args=(i, closed), daemon=True)
        listener.start()
        closed.set()
        listener.join()
    print(threading.active_count())


if __name__ == "__main__":
    main()
