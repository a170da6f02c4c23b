import os, sys, warnings
warnings.simplefilter("ignore")
import multiprocessing
def work(n):
    total = 0
    for i in range(n):
        total += i
    return total
for i in range(3):
    pid = os.fork()
    if pid == 0:
        for k in range(5):
            pass
        os._exit(k)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with multiprocessing.get_context("fork").Pool(2) as pool:
    for r in pool.map(work, [10, 20, 30]):
        print(r)
sys.stdout.flush()
for i in range(2):
    if os.fork() == 0:
        for j in range(3):
            pass
        print("child", j, flush=True)
        sys.exit(3)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
