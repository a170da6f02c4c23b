import pickle, copy
class Point:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return self.x == other.x
def double(x): return [2 * i for i in range(x)]
for i in range(3):
    p = Point(i)
    assert pickle.loads(pickle.dumps(p)) == p == copy.deepcopy(p)
print(pickle.dumps(Point(1)), pickle.loads(pickle.dumps(double))(3), Point.__module__)
