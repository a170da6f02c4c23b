class Odd:
    """Goes on after its end, and tells how often it was asked."""
    def __init__(self): self.asked = 0
    def __iter__(self): print("iter"); return self
    def __next__(self):
        self.asked += 1
        if self.asked % 3 == 0: raise StopIteration
        return self.asked
o = Odd()
for x in o: print(x)
for x in o: print(x)
print(o.asked)
class OnlyNext:
    n = 0
    def __next__(self):
        self.n += 1
        if self.n > 3: raise StopIteration
        return self.n
class Iterable:
    def __iter__(self): return OnlyNext()
print([x for x in Iterable()])
for x in Iterable(): print(x)
class Old:
    def __getitem__(self, i):
        print("getitem", i)
        if i > 2: raise IndexError
        return i
for x in Old(): pass
it = iter(range(10))
for x in it:
    if x == 3: break
print(list(it))
it = iter([1, 2, 3, 4])
for x in it: print(x, next(it))
calls = iter(lambda: calls_left.pop(), 0)
calls_left = [1, 0, 5, 4]
for c in calls: print(c)
print(calls_left)
