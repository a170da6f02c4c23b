import os, sys
os.chdir("/")
for i in range(2): print("to stderr", file=sys.stderr)
sys.stdout.write("no newline")
sys.stdout.flush()
for i in range(3): os.write(1, b"raw\n")
import gc
gc.freeze()
sys.stdout.close()
