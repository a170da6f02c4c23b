total = 0
for i in range(300_000):
    total += i
print(total)
n = 0
while n < 100_000:
    n += 1
print(n, sum(x & 1 for x in range(100_000)), len([y for y in range(50_000) if y % 3]))
for i in range(2000):
    for j in range(20):
        total += j
print(total, i, j)
for a, b in zip(range(50_000), (z for z in range(60_000))): total += a * b
print(total, a, b)
class Count:
    def __init__(self, n): self.n = n
    def __iter__(self): return self
    def __next__(self):
        if not self.n: raise StopIteration
        self.n -= 1
        return self.n
print(sum(x for x in Count(20_000)))
for x in Count(20_000): pass
print(x)
import itertools
for i, x in enumerate(itertools.count()):
    if i == 30_000: break
print(i, x)
