import weakref, gc
gc.disable()
class Node:
    pass
def make(n):
    for i in range(n):
        yield Node()
log = []
for node in make(3):
    ref = weakref.ref(node, lambda r: log.append("dead"))
    log.append("alive" if ref() is not None else "gone")
    del node
    log.append("alive" if ref() is not None else "gone")
print(log)
previous = None
for node in (Node() for _ in range(3)):
    if previous is not None:
        print(previous() is None)
    previous = weakref.ref(node)
print(previous() is None)
del node
print(previous() is None)
class It:
    def __iter__(self): return self
    def __init__(self): self.n = 0
    def __next__(self):
        self.n += 1
        if self.n > 2: raise StopIteration
        return Node()
    def __del__(self): print("iterator dies")
for x in It(): print("turn")
else: print("else")
for x in It(): break
print("after break")
def leaves():
    for x in It(): return "returned"
print(leaves())
