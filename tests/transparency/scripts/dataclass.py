from dataclasses import dataclass, field, fields, asdict
@dataclass
class D:
    a: int
    b: list = field(default_factory=lambda: [i for i in range(2)])
for d in [D(1), D(2, [9])]:
    print(d, asdict(d), [f.name for f in fields(d)])
