import sys
def hook(kind, problem, place):
    raise ValueError("the hook fails")
sys.excepthook = hook
for i in range(3):
    {}["missing"]
