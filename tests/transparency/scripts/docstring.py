"""The module's docstring."""
from __future__ import annotations
x: int = 3
print(__doc__, __annotations__)
for y in range(1):
    z: str = "a"
print(__annotations__)
def f(a: int) -> str:
    """f's docstring."""
    for i in range(a): pass
print(f.__doc__, f.__annotations__)
