import multiprocessing, os
from concurrent.futures import ProcessPoolExecutor
def work(n):
    return sum(i for i in range(n))
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        for r in pool.imap(work, range(4)):
            print(r)
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        for r in executor.map(work, range(3)):
            print(r)
    print("LEAKHUNT_AGENT" in os.environ)
