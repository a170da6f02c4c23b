import warnings
for i in range(3):
    warnings.warn("same place", UserWarning)
    warnings.warn(f"other {i}", DeprecationWarning)
def f():
    warnings.warn("caller", stacklevel=2)
while True:
    f()
    break
print([x for x in range(2) if x is 1])
assert (1, "always true")
print("\d")
