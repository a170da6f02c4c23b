import sys
seen = []
def tracer(frame, event, arg):
    seen.append((event, frame.f_code.co_name, frame.f_lineno))
    return tracer
def f():
    for i in range(3):
        pass
    n = 0
    while n < 2:
        n += 1
    for x in (i, n):
        print(x)
    return [y for y in range(2)], sum(z for z in range(2))
for k in range(2):
    pass
sys.settrace(tracer)
f()
sys.settrace(None)
for line in seen: print(line)
seen.clear()
sys.setprofile(lambda frame, event, arg: seen.append((event, frame.f_code.co_name)))
f()
sys.setprofile(None)
print([s for s in seen if not s[0].startswith("c_")])
