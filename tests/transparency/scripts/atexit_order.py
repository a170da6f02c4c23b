import atexit, weakref
for i in range(3):
    atexit.register(print, "bye", i)
class K:
    def __del__(self): print("del", self.n)
for n in range(2):
    k = K(); k.n = n
def at_end():
    for i in range(2): print("loop at exit", i)
atexit.register(at_end)
weakref.finalize(k, print, "finalized")
def g():
    try:
        for i in range(5): yield i
    finally: print("generator at the end")
h = g(); next(h)
