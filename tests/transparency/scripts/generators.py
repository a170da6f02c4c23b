def numbers(n):
    try:
        for i in range(n):
            yield i
    finally:
        print("numbers closed")

for a in numbers(3):
    for b in (x * x for x in numbers(2)):
        print(a, b)
g = numbers(10)
for x in g:
    if x == 2:
        break
print("after break", next(g))
g.close()
for x in numbers(5):
    break
print("end")
