class D:
    def __del__(self):
        for i in range(2):
            raise ValueError("in del")
for i in range(2): D()
print("end")
