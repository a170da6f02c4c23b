def averager():
    total = n = 0
    while True:
        x = yield (total / n if n else None)
        total += x; n += 1
a = averager(); next(a)
print([a.send(v) for v in (1, 2, 3)])
def delegating():
    for i in range(2):
        r = yield from averager()
d = delegating(); next(d); print(d.send(4))
try: d.throw(ValueError("thrown"))
except ValueError as e: print(e)
def f():
    for x in (yield 1): yield x
g = f(); next(g); print(g.send([5, 6]), next(g), list(g))
