"""Adds up losses as numbers: nothing of a step stays."""

import math
import sys

import torch


def work(i):
    return sum(math.sqrt(i + k) for k in range(100_000))


def main():
    n = int(sys.argv[1])
    torch.manual_seed(0)
    model = torch.nn.Linear(5_000, 1)
    total = 0.0
    for i in range(n):
        work(i)
        batch = torch.randn(20, 5_000)
        loss = model(batch).pow(2).mean()
        total += loss.item()
    print(total > 0)


if __name__ == "__main__":
    main()
