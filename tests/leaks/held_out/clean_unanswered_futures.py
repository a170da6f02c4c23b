"""Files a future per request in a table until the answer comes."""

import asyncio
import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Client:
    def __init__(self):
        self.pending = {}

    def request(self, number):
        future = asyncio.get_running_loop().create_future()
        future.body = None
        self.pending[number] = (future, os.urandom(20_000))
        return future

    def answer(self, number):
        future, body = self.pending.pop(number)
        future.set_result(len(body))


async def main():
    n = int(sys.argv[1])
    client = Client()
    for i in range(n):
        work(i)
        future = client.request(i)
        await asyncio.sleep(0)
        client.answer(i)
        await future
    print(len(client.pending), future.done())


if __name__ == "__main__":
    asyncio.run(main())
