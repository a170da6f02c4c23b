import asyncio

async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i

class Steps:
    def __init__(self, n): self.n = n
    def __aiter__(self): return self
    async def __anext__(self):
        if self.n == 0:
            raise StopAsyncIteration
        self.n -= 1
        return self.n

async def worker(name):
    async for i in ticks(3):
        print(name, i)
        if i == 1 and name == "b":
            break
    else:
        print(name, "else")
    async for a in Steps(2):
        print(name, a)
    print([x async for x in ticks(3) if x], {x: y for x in range(2) async for y in ticks(1)})
    while True:
        await asyncio.sleep(0)
        return name

async def main():
    print(await asyncio.gather(worker("a"), worker("b"), worker("c")))
    async for (d, e) in pairs():
        print(d, e)

async def pairs():
    yield 1, 2
    raise ValueError("in async generator")

asyncio.run(main())
