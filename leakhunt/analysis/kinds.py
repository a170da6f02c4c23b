"""What sort of growth a holder's is, from its type, its contents and its tags. Judges nothing."""

from __future__ import annotations

from leakhunt.census.growth import Growth
from leakhunt.findings.diagnosis import Kind

_ARRAYS = ("ndarray", "DataFrame", "Series", "memmap", "Table", "RecordBatch")
_TENSORS = ("Tensor", "Parameter")


def kind_of(growth: Growth) -> Kind:
    """Return what sort of growth this is, from the holder's type, its contents and its tags."""
    main = growth.contents[0][0].rpartition(".")[2] if growth.contents else ""
    own = growth.type.rpartition(".")[2]
    if growth.root == "garbage":
        return "reference-cycle"
    if growth.tags & {"torch-tensor", "torch-grad"} or own in _TENSORS:
        return "tensor-accumulation"
    if "thread" in growth.tags or main == "Thread":
        return "thread-growth"
    if own in _ARRAYS or (main in _ARRAYS and "results-dicts" not in growth.tags and _is_plain(own)):
        return "array-accumulation"
    return "growing-container"


def _is_plain(own: str) -> bool:
    return own in ("list", "tuple", "deque", "dict")
