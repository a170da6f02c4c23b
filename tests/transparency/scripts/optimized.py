# flags: -O
assert 1 / 0
for i in range(2):
    if __debug__: print("debug")
    print(i)
import sys; print(sys.flags.optimize)
raise ValueError
