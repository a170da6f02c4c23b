"""A service that keeps each request's body under a key of a dictionary of an attribute."""

import math
import os
import sys


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


class Service:
    def __init__(self):
        self.state = {"requests": [], "errors": []}

    def handle(self, body):
        self.state["requests"].append(body)  # grows
        return len(body)


def main():
    n = int(sys.argv[1])
    service = Service()
    for i in range(n):
        work(i)
        service.handle(os.urandom(20_000))  # allocates
    print(len(service.state["requests"]))


if __name__ == "__main__":
    main()
