import os
os.closerange(3, 64)
for i in range(30):
    x = open("/dev/null"); x.close()
import time
for i in range(3): time.sleep(0.006)
print("still here", i)
