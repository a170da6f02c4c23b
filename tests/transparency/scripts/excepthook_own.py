import sys, traceback
def hook(kind, problem, place):
    print("hook:", kind.__name__, problem, [f.name for f in traceback.extract_tb(place)], file=sys.stderr)
    print(problem.__traceback__ is place)
sys.excepthook = hook
def f():
    for i in range(3):
        1 / 0
f()
