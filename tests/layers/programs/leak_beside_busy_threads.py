"""Leaks in the main loop while three threads spin in loops of their own."""

import math
import sys
import threading


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


KEPT = []


def spin(done):
    total = 0
    while not done.is_set():
        total += sum(range(1000))


def main(n):
    done = threading.Event()
    for _ in range(3):
        threading.Thread(target=spin, args=(done,), daemon=True).start()
    for i in range(n):
        sum(range(300_000))
        KEPT.append(bytes(300_000))  # grows
    done.set()


if __name__ == "__main__":
    main(int(sys.argv[1]))
