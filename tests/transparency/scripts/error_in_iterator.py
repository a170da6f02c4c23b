class Broken:
    def __init__(self):
        self.n = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.n += 1
        if self.n > 2:
            raise ValueError("in __next__")
        return self.n

for x in Broken():
    print(x)
