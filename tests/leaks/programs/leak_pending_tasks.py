"""Starts a task per message that waits for an event which never comes."""

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
    acknowledged = asyncio.Event()
    deliveries = []
    for i in range(n):
        work(i)
        delivery = asyncio.create_task(deliver(os.urandom(20_000), acknowledged))  # allocates
        deliveries.append(delivery)  # grows
        await asyncio.sleep(0)
    acknowledged.set()
    print(len(await asyncio.gather(*deliveries)))


if __name__ == "__main__":
    asyncio.run(main())
