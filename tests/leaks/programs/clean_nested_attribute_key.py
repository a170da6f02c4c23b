"""A service that keeps the body of the request at hand only."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Service:
    def __init__(self):
        self.state = {"requests": [], "errors": []}

    def handle(self, body):
        self.state["requests"] = [body]
        return len(body)


def main():
    n = int(sys.argv[1])
    service = Service()
    for i in range(n):
        work(i)
        service.handle(os.urandom(20_000))
    print(len(service.state["requests"]))


if __name__ == "__main__":
    main()
