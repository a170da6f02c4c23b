"""No functions at all: a loop at the top of a script, the list one of its names."""

import math
import os
import sys

outcomes = []
for i in range(int(sys.argv[1])):
    score = sum(math.sqrt(i + k) for k in range(20_000))
    outcomes.append((score, os.urandom(20_000)))  # grows
print(len(outcomes))
