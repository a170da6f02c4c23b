"""Starts a task per message and waits for it."""

import asyncio
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


async def deliver(message, acknowledged):
    await acknowledged.wait()
    return len(message)


async def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        acknowledged = asyncio.Event()
        delivery = asyncio.create_task(deliver(os.urandom(20_000), acknowledged))
        await asyncio.sleep(0)
        acknowledged.set()
        await delivery
    print(delivery.result())


if __name__ == "__main__":
    asyncio.run(main())
