"""Registers a hook per step and removes it after the step."""

import math
import sys

import torch


def work(i):
    return sum(math.sqrt(i + k) for k in range(100_000))


def main():
    n = int(sys.argv[1])
    torch.manual_seed(0)
    model = torch.nn.Linear(5_000, 1)
    for i in range(n):
        work(i)
        batch = torch.randn(20, 5_000)

        def compare(module, given, output, batch=batch):
            module.changed = given[0] is not batch

        handle = model.register_forward_hook(compare)
        with torch.no_grad():
            model(batch)
        handle.remove()
    print(model.changed)


if __name__ == "__main__":
    main()
