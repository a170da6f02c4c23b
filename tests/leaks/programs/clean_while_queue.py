"""A while loop that puts back what it takes."""

import math
import os
import queue
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    waiting = queue.Queue()
    waiting.put(os.urandom(20_000))
    done = 0
    while done < n:
        work(done)
        task = waiting.get()
        waiting.put(task)
        done += 1
    print(waiting.qsize())


if __name__ == "__main__":
    main()
