class A:
    xs = [i for i in range(3)]
    table = {x: str(x) for x in xs}
    for name in ("p", "q"):
        locals()[name] = name.upper()
    n = 0
    while n < 2:
        n += 1
    __private = [1, 2]
    def total(self):
        return sum(x for x in self.__private)
    def walk(self):
        for self.at in self.__private:
            yield self.at
a = A()
print(a.xs, a.table, a.p, a.q, a.n, a.total(), list(a.walk()), a.at, sorted(k for k in vars(A) if not k.startswith("__")))
