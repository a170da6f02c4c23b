def kind(x):
    match x:
        case [a, *rest]:
            return [r for r in rest]
        case {"k": v}:
            while v: v -= 1
            return v
        case _:
            return "other"
for x in ([1, 2, 3], {"k": 3}, 5): print(kind(x))
