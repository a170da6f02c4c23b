def items():
    yield 1
    raise KeyError("second")

def f():
    for x in (
        items(
        )
    ):
        print(x)

def g():
    while (1
           / (x - x)):
        pass
x = 3
try:
    g()
except ZeroDivisionError:
    import traceback
    traceback.print_exc()
f()
