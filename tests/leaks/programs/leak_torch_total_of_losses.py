"""Adds up losses as tensors: the total keeps the graph of every step."""

import math
import sys

import torch


def work(i):
    return sum(math.sqrt(i + k) for k in range(100_000))


def main():
    n = int(sys.argv[1])
    torch.manual_seed(0)
    model = torch.nn.Linear(5_000, 1)
    total = torch.zeros(())
    for i in range(n):
        work(i)
        batch = torch.randn(20, 5_000)  # allocates
        loss = model(batch).pow(2).mean()
        total = total + loss  # grows
    print(bool(total > 0))


if __name__ == "__main__":
    main()
