import sys
def outer():
    try:
        for x in inner():
            yield x
    finally:
        print("outer closed", sys.exc_info()[0])
def inner():
    try:
        yield 1
        yield 2
    finally:
        print("inner closed", sys.exc_info()[0])
for x in outer():
    print("break")
    break
print("then")
try:
    for x in outer():
        raise ValueError
except ValueError as e:
    print("caught", e.__context__)
def stubborn():
    try:
        for i in range(3): yield i
    except GeneratorExit:
        yield 99
for x in stubborn():
    break
def raises():
    try:
        yield 1
    finally:
        raise KeyError("while closing")
for x in raises():
    break
print("end")
