"""Opens a pair of sockets per turn and keeps the last three pairs open."""

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
        ours, theirs = socket.socketpair()
        ours.sendall(os.urandom(200))
        CONNECTIONS[i] = (ours, theirs)
        if i >= 3:
            for end in CONNECTIONS.pop(i - 3):
                end.close()
    print(len(CONNECTIONS))


if __name__ == "__main__":
    main()
