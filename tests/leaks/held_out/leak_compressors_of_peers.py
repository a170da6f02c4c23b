"""Keeps a compressor for each peer and never hears that the peer has gone."""

import math
import os
import sys
import zlib


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Gateway:
    def __init__(self):
        self.compressors = {}

    def send(self, peer, message):
        compressor = self.compressors.get(peer)
        if compressor is None:
            compressor = zlib.compressobj()  # allocates
            self.compressors[peer] = compressor  # grows
        return len(compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))

    def hang_up(self, peer):
        self.compressors.pop(peer, None)


def main():
    n = int(sys.argv[1])
    gateway = Gateway()
    sent = 0
    for i in range(n):
        work(i)
        sent += gateway.send(f"peer {i}", os.urandom(5_000))
    print(sent, len(gateway.compressors))


if __name__ == "__main__":
    main()
