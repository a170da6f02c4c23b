"""Four threads per turn, all joined before the next."""

import math
import os
import sys
import threading


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def main():
    n = int(sys.argv[1])
    for i in range(n):
        threads = [threading.Thread(target=os.urandom, args=(20_000,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        work(i)
    print(threading.active_count())


if __name__ == "__main__":
    main()
