data = iter([1, 2, 3, 0, 5])
while (n := next(data)):
    print(n)
print([y := 1, y**2], [last := i for i in range(4)], last)
while chunk := [*data]:
    print(chunk)
if any((hit := v) > 2 for v in range(9)):
    print(hit)
