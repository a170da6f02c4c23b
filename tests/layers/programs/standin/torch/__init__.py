"""Stands in for torch with a CUDA device: tensors that only count, behind torch's documented counters."""

from torch import cuda


class Tensor:
    """Memory on the device that is given back when the tensor goes."""

    def __init__(self, count):
        self.count = count
        cuda.hand_out(4 * count)

    def __del__(self):
        cuda.take_back(4 * self.count)


def zeros(count, device):
    assert device == "cuda"
    return Tensor(count)
