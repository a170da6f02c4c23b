for i in range(6):
    if i == 1:
        continue
    if i == 4:
        break
else:
    print("never")
for i in []:
    pass
else:
    print("empty else")
for i in range(2):
    pass
else:
    print("else", i)
n = 0
while n < 5:
    n += 1
    if n == 2:
        continue
    if n == 4:
        break
    print(n)
else:
    print("never")
while n:
    n -= 1
else:
    print("while else", n)
while False:
    print("never")
def f():
    while True:
        for i in range(5):
            if i == 3:
                return i
print(f())
def g():
    for i in range(3):
        try:
            continue
        finally:
            print("finally", i)
g()
