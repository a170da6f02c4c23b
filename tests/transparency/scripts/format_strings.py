xs = [1, 2]
print(f"{[x for x in xs]!r:>10} {sum(x for x in xs)}")
f = lambda n: [i for i in range(n)]
print(f(3), (lambda: {k: v for k, v in zip("ab", xs)})())
print(*[c for c in "ab"], **{k: v for k, v in [("sep", "-")]})
def deco(fs): return lambda g: g
@deco([f for f in "ab"])
def h(a=[i for i in range(2)], *, b={x for x in range(1)}): return a, b
print(h())
print([[j for j in range(i)] for i in range(3)], [i for i in range(5) if i if i % 2 for _ in "ab"])
del f
for f in "x": del f
try: f
except NameError as e: print(e)
