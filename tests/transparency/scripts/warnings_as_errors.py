# flags: -W error
import warnings
for i in range(2):
    try: warnings.warn("now an error")
    except UserWarning as e: print(e)
def f():
    for x in [1]: return [y for y in "ab"]
print(f())
