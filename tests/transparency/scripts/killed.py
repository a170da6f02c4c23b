import os, signal
for i in range(3):
    print(i, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
