ids = set()
for pair in enumerate("abc"):
    ids.add(id(pair))
print(len(ids))
ids = set()
for i, c in enumerate("abcdef"):
    pass
kept = []
for t in zip("abc", "def"):
    kept.append(t)
print(kept, list(map(lambda x: x, (y for y in kept))))
for i, (a, *b) in enumerate(["xyz", "uv", (1, 2, 3, 4)]):
    print(i, a, b)
