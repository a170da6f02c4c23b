def walk(tree, depth=0):
    yield depth
    for child in tree:
        yield from walk(child, depth + 1)
print(list(walk([[], [[]], [[], [[[]]]]])))
def permute(xs):
    if not xs: return [[]]
    return [[x, *rest] for i, x in enumerate(xs) for rest in permute(xs[:i] + xs[i + 1:])]
print(len(permute([1, 2, 3, 4, 5])))
def deep(n):
    for i in range(1):
        return 0 if n == 0 else 1 + deep(n - 1)
print(deep(200))
def forever():
    for i in range(2):
        forever()
try:
    forever()
except RecursionError as e:
    print(type(e).__name__)
