"""The counters of torch.cuda, as its documentation has them, for one device that is not there."""

_allocated = _reserved = 0


def is_initialized():
    return _reserved > 0


def device_count():
    return 1


def memory_allocated(device=None):
    return _allocated


def memory_reserved(device=None):
    return _reserved


def hand_out(size):
    global _allocated, _reserved
    _allocated += size
    _reserved = max(_reserved, _allocated)


def take_back(size):
    global _allocated
    _allocated -= size


def reserve(size):
    """Stand in for fragmentation of the caching allocator: it asks the device for another block."""
    global _reserved
    _reserved += size
