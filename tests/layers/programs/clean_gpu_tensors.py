"""Drops the output of every turn; only the (stand-in) GPU allocator reserves more."""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "standin"))

import torch  # noqa: E402

OUTPUTS = []


def work(i):
    return sum(math.sqrt(i + k) for k in range(60_000))


def main(n):
    for i in range(n):
        work(i)
        OUTPUTS[:] = [torch.zeros(500_000, device="cuda")]
        torch.cuda.reserve(2_000_000)


if __name__ == "__main__":
    main(int(sys.argv[1]))
