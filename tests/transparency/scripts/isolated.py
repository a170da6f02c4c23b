# flags: -I
import sys, os
for p in sys.path: print(p)
