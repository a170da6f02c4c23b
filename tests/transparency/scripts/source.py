import inspect, linecache
def f():
    # a comment
    for i in range(3):
        pass
    return [x for x in "ab"]
class C:
    def m(self):
        while True: break
print(inspect.getsource(f), inspect.getsource(C.m), inspect.getsourcefile(f) == __file__, inspect.signature(f))
print(f.__code__.co_filename == __file__, inspect.getsourcelines(C)[1], inspect.getmodule(f).__name__)
