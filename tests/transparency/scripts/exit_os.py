import os, sys
for i in range(3):
    print(i, flush=True)
    if i == 1: os._exit(7)
