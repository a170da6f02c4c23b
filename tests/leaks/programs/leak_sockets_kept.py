"""Opens a pair of sockets per turn and keeps both ends."""

import math
import os
import socket
import sys

CONNECTIONS = {}


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        ours, theirs = socket.socketpair()  # allocates
        ours.sendall(os.urandom(200))
        CONNECTIONS[i] = (ours, theirs)  # grows
    print(len(CONNECTIONS))


if __name__ == "__main__":
    main()
