class Broken:
    def __iter__(self):
        raise RuntimeError("in __iter__")

def f():
    return [
        x
        for x in (
            Broken()
        )
    ]
try:
    for x in Broken():
        pass
except RuntimeError as e:
    import traceback
    traceback.print_exc()
f()
