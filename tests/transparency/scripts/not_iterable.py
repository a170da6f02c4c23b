import traceback
def f():
    for x in dict(
        a=1
    )["a"]:
        pass
def g():
    return [y for y in 3 + 4]
def h():
    return {k: v for k, v in [(1, 2), (3,)]}
def w():
    for a, (b, c) in [(1, (2, 3)), (1, 2)]:
        print(a, b, c)
def u():
    for x in undefined_name:
        pass
for function in (f, g, h, w, u):
    try:
        function()
    except Exception:
        traceback.print_exc()
for x in None: pass
