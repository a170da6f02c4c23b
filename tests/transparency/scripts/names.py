def f(x):
    for i in range(2):
        y = i
    while x:
        x -= 1
    return sorted(locals()), f.__code__.co_varnames, f.__code__.co_freevars, f.__code__.co_firstlineno
print(f(2))
print(list(globals()), dir())
print(__name__, __doc__, __package__, __spec__, __builtins__.__name__, type(__loader__).__name__, __cached__)
import sys, os
print(sys.argv, sys.path[0], __file__, sys.modules["__main__"].__dict__ is globals())
for i in range(2): exec("for q in range(2): pass")
print(q, list(globals())[-3:], __annotations__, vars(sys.modules["__main__"]) is globals())
import builtins
print([n for n in dir(builtins) if "leak" in n.lower()], [k for k in os.environ if "LEAK" in k])
