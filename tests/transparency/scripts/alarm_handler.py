import signal, time
class Late(Exception): pass
def ring(number, frame):
    raise Late(number)
signal.signal(signal.SIGALRM, ring)
hits = 0
for i in range(5):
    signal.setitimer(signal.ITIMER_REAL, 0.003)
    try:
        while True:
            for k in range(1000): pass
    except Late:
        hits += 1
print(hits)
