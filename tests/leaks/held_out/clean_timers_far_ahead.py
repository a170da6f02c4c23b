"""Sets a time limit of an hour to each request and cancels it when the request is done."""

import asyncio
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def give_up(number, body):
    print(number, len(body))


async def main():
    n = int(sys.argv[1])
    loop = asyncio.get_running_loop()
    total = 0
    for i in range(n):
        body = os.urandom(20_000)
        timer = loop.call_later(3_600, give_up, i, body)
        total += work(i)
        await asyncio.sleep(0)
        timer.cancel()
    print(total, timer.cancelled())


if __name__ == "__main__":
    asyncio.run(main())
