def f():
    for i in range(2):
        try:
            {}[i]
        except KeyError as e:
            try:
                [][1]
            except IndexError:
                raise ValueError("second") from e
def g():
    try: f()
    except ValueError:
        raise TypeError("third")
g()
