"""No functions at all: a loop at the top of a script that keeps a sum."""

import math
import os
import sys

outcome = 0.0
for i in range(int(sys.argv[1])):
    score = sum(math.sqrt(i + k) for k in range(20_000))
    outcome += score + len(os.urandom(20_000))
print(outcome > 0)
