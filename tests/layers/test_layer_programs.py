"""Each layer's leaking program is told what grows and where, and its twin is not accused: through the command."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from profiled import profile

#: Enough for an allocation window and for metered turns one after the other, on a machine that is busy.
TURNS = "70"
PROGRAMS = Path(__file__).parent / "programs"
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


@dataclass(frozen=True)
class Layer:
    """A pair of programs; `says` must stand in the leaking one's title or evidence."""

    name: str
    kind: str
    says: str
    advice: str | None
    names_line: bool = True


LAYERS = (
    Layer("malloc_never_freed", "native-growth", "never given back", "isolate-native"),
    Layer("mapped_never_unmapped", "native-growth", "mapped past malloc", "unmap-when-done"),
    Layer("shared_memory_not_unlinked", "native-growth", "pile up in /dev/shm", "unlink-shared-memory"),
    Layer("shared_maps_kept", "native-growth", "OPEN keeps shared memory", "unmap-when-done"),
    Layer("files_mapped", "native-growth", "chunk-*.bin", "unmap-when-done"),
    Layer("gaps_between_blocks", "native-growth", "never given back", "isolate-native"),
    Layer("sockets_detached", "handle-growth", "unix sockets", "close-handles"),
    Layer("files_not_closed", "handle-growth", "chunk-*.csv", "close-handles"),
    Layer("cycles_frozen", "reference-cycle", "gc.freeze()", "freeze-once"),
    Layer("cycles_thresholds", "reference-cycle", "waits for 1,000,000,000", "enable-collector"),
    Layer("gpu_tensors", "gpu-growth", "tensors that are held", "keep-off-the-gpu", names_line=False),
    Layer("beside_busy_threads", "growing-container", "KEPT", None),
)
QUICK = ("malloc_never_freed", "files_not_closed")
QUICK_LAYERS = [layer for layer in LAYERS if layer.name in QUICK]


def name_of(layer: Layer) -> str:
    return layer.name


def lines_that_grow(program: Path) -> set[int]:
    return {
        number
        for number, line in enumerate(program.read_text().splitlines(), 1)
        if line.rstrip().endswith("# grows")
    }


def told(report: dict[str, Any]) -> dict[str, Any]:
    assert report["verdict"] == "leak", report.get("reasons")
    worst: dict[str, Any] = next(one for one in report["findings"] if one["verdict"] == "leak")
    return worst


def check_leaking(layer: Layer) -> None:
    program = PROGRAMS / f"leak_{layer.name}.py"

    report = profile(program, TURNS)

    worst = told(report)
    assert worst["kind"] == layer.kind
    assert layer.says in " ".join([worst["title"], *worst["evidence"]])
    assert layer.advice is None or layer.advice in worst["advice"]
    assert not layer.names_line or {site["line"] for site in worst["sites"]} & lines_that_grow(program)


def check_clean(layer: Layer) -> None:
    report = profile(PROGRAMS / f"clean_{layer.name}.py", TURNS)

    assert [one["title"] for one in report["findings"] if one["verdict"] == "leak"] == []
    assert report["verdict"] in ("no-leak", "cannot-tell")


@pytest.mark.parametrize("layer", QUICK_LAYERS, ids=name_of)
def test_a_leaking_layer_is_told_with_its_line(layer: Layer) -> None:
    check_leaking(layer)


@pytest.mark.parametrize("layer", QUICK_LAYERS, ids=name_of)
def test_its_twin_is_not_accused(layer: Layer) -> None:
    check_clean(layer)


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS, ids=name_of)
def test_every_leaking_layer_is_told_with_its_line(layer: Layer) -> None:
    check_leaking(layer)


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS, ids=name_of)
def test_every_twin_is_not_accused(layer: Layer) -> None:
    check_clean(layer)


@pytest.mark.slow
def test_gaps_are_proved_by_what_a_trim_gave_back() -> None:
    report = profile(PROGRAMS / "clean_gaps_between_blocks.py", "40")

    (found,) = [one for one in report["findings"] if one["kind"] == "fragmentation"]
    assert re.search(r"malloc_trim gave back \d", " ".join(found["evidence"]))


def test_every_layer_has_both_its_programs() -> None:
    on_disk = {file.stem.partition("_")[::2] for file in PROGRAMS.glob("*.py")}

    assert on_disk == {(what, layer.name) for layer in LAYERS for what in ("leak", "clean")}
