xs = [1, 2, 3]
for x in xs:
    if len(xs) < 8: xs.append(x * 10)
print(xs)
for x in xs: xs.remove(x)
print(xs)
d = {1: 2, 3: 4}
try:
    for k in d: d[k + 10] = 1
except RuntimeError as e: print(e)
s = {1, 2}
try:
    for k in s: s.add(k + 10)
except RuntimeError as e: print(e)
for x in {3, 1, 2}: print(x)
for x in ["a", "b"]: print(x)
for x in [*xs, 7]: print(x)
for x in 1, 2: print(x)
for x in *xs, 3: print(x)
iter = lambda x: 1 / 0
range = 5
for x in (1, 2): print(x)
