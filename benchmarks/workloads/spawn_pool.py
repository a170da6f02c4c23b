"""A spawn pool of two whose results come back one by one."""

import math
import multiprocessing

import measured


def task(i):
    return sum(math.sqrt(i + k) for k in range(400_000))


def main():
    total = 0.0
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(task, range(2))
        started = measured.now()
        for result in pool.imap(task, range(150)):
            total += result
            measured.turn()
        measured.write(started)
    print(total > 0)


if __name__ == "__main__":
    main()
