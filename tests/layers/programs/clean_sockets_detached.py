"""Opens a pair of sockets per turn and closes them."""

import math
import socket
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


def connect(i):
    ours, theirs = socket.socketpair()
    ours.send(b"hello")
    ours.close(), theirs.close()


def main(n):
    for i in range(n):
        work(i)
        connect(i)


if __name__ == "__main__":
    main(int(sys.argv[1]))
