import threading
def work(n, out):
    for i in range(n):
        out.append(i)
outs = [[] for _ in range(4)]
ts = [threading.Thread(target=work, args=(50, o), name=f"t{i}") for i, o in enumerate(outs)]
for t in ts: t.start()
for t in ts: t.join()
print([len(o) for o in outs], threading.active_count(), threading.current_thread() is threading.main_thread())
def fails():
    for i in range(3):
        raise ValueError("in a thread")
t = threading.Thread(target=fails, name="failing")
t.start(); t.join()
def daemon():
    while True: pass
threading.Thread(target=daemon, daemon=True).start()
def late():
    import time
    for i in range(3): time.sleep(0.3); print("late", i)
threading.Thread(target=late).start()
print("main ends")
