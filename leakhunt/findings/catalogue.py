"""Every kind of finding: what it is called and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.findings.diagnosis import Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind of finding for readers: `title` names it, `meaning` is one or two sentences."""

    slug: Kind
    title: str
    meaning: str


KINDS: dict[Kind, Entry] = {
    entry.slug: entry
    for entry in (
        Entry(
            "growing-container",
            "Container that grows",
            "A list, dict, set or the like gets more items with every turn and none are taken out.",
        ),
        Entry(
            "growing-type",
            "Objects of one type pile up",
            "More objects of a type are alive after every turn; what holds them is not one container.",
        ),
        Entry(
            "reference-cycle",
            "Cycles that are not collected",
            "Objects that refer to each other became unreachable, and the collector did not free them.",
        ),
        Entry(
            "native-growth",
            "Memory of native code grows",
            "Memory taken from malloc rises while no Python object that holds it was found.",
        ),
        Entry(
            "array-accumulation",
            "Arrays pile up",
            "numpy arrays or data frames of every turn are kept, or one is copied into a bigger one.",
        ),
        Entry(
            "tensor-accumulation",
            "Tensors pile up",
            "Tensors of every turn are kept; with a graph they keep everything they came from.",
        ),
        Entry("gpu-growth", "GPU memory grows", "Memory allocated on the GPU rises with every turn."),
        Entry(
            "process-growth",
            "Child processes grow",
            "The children's memory or their number rises while the main process does not account for it.",
        ),
        Entry(
            "handle-growth",
            "Open files or sockets pile up",
            "More file descriptors are open after every turn.",
        ),
        Entry("thread-growth", "Threads pile up", "Threads are started in every turn and do not end."),
        Entry(
            "saturating-cache",
            "Cache that fills and stops",
            "It grew, then stopped or is bound to stop: a cache, not a leak.",
        ),
        Entry("warm-up", "Warm-up", "Memory rose during the first turns only."),
        Entry(
            "sawtooth", "Fills and empties", "Memory rises and falls back to the same level again and again."
        ),
        Entry(
            "fragmentation",
            "Fragmentation",
            "The process holds more memory although what is in use stays level: free gaps, not a leak.",
        ),
        Entry(
            "in-flight-work",
            "Work in flight",
            "Memory follows the number of tasks that were handed out and are not finished.",
        ),
        Entry(
            "unexplained-growth",
            "Growth without a holder",
            "Memory rises and nothing that holds it was found.",
        ),
    )
}
