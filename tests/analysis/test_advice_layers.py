"""Advice about what grows beside the heap; and none where its shape is not there."""

from __future__ import annotations

from pathlib import Path

from described import MB, described, looked, loop_text, written_before_the_run

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Recommendation

READ_AT = (3, 6, 10, 16, 24, 36, 40)


def level(turn: int) -> float:
    return 100 * MB


def rising(turn: int) -> float:
    return 100 * MB + turn * 100_000


def native(turn: int) -> float:
    return 50 * MB + turn * 100_000


def metered(file: Path, meter: str, net: int, line: int = 4) -> str:
    places = [[str(file), line, "main", net, []]]
    loop = f"{file}:5:main"
    return "".join(
        looked("bracket", turn, loop=loop, meter=meter, places=places, net=net) for turn in (20, 21)
    )


def advised(file: Path, source: str, journal: str) -> dict[str, Recommendation]:
    file.write_text(source)
    written_before_the_run(file)
    return {one.slug: one for one in diagnose(described(journal)).recommendations}


FILES = """\
import os
def main(paths):
    for path in paths:
        number = os.open(path, os.O_RDONLY)
        use(number)
"""


def test_a_descriptor_opened_by_number_is_closed_by_number_at_the_line_that_was_seen(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    journal = loop_text(40, level, file=str(file), fds=lambda turn: 8 + turn) + metered(
        file, "descriptors", 1
    )

    given = advised(file, FILES, journal)["close-handles"]

    assert given.where is not None
    assert given.where.line == 4
    assert "os.close(number)" in given.do


def test_no_file_is_to_be_closed_where_none_piles_up(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    journal = loop_text(40, level, file=str(file), fds=lambda turn: 8 + turn % 3) + metered(
        file, "descriptors", 1
    )

    assert "close-handles" not in advised(file, FILES, journal)


def test_native_code_that_keeps_memory_is_to_be_freed_upgraded_or_isolated(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    source = "import lxml.etree\ndef main(paths):\n    for path in paths:\n        lxml.etree.parse(path)\n"
    journal = loop_text(40, rising, file=str(file), in_use=native, blocks=lambda turn: 40_000)

    assert "isolate-native" not in advised(file, source, journal)
    given = advised(file, source, journal + metered(file, "malloc", 100_000))["isolate-native"]

    assert "lxml.etree.parse(path)" in given.why
    assert "maxtasksperchild" in given.do


def test_fragmentation_is_advised_with_what_the_trim_gave_back(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    probe = looked("probe", 40, loop=f"{file}:5:main", where="end", resident=[104 * MB, 101 * MB])
    journal = loop_text(40, rising, file=str(file), in_use=lambda turn: 50 * MB) + probe

    given = advised(file, "for i in range(40): pass\n", journal)

    assert list(given) == ["fewer-arenas"]
    assert "malloc_trim gave back 3 MB" in given["fewer-arenas"].why


def test_segments_that_stay_in_the_machine_are_to_be_unlinked(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    loop = f"{file}:5:main"
    seen = "".join(
        looked("surroundings", turn, loop=loop, segments={"psm_*": [turn, turn, turn]}) for turn in READ_AT
    )
    journal = loop_text(40, level, file=str(file)) + seen

    given = advised(file, "for i in range(40): pass\n", journal + metered(file, "segments", 1))

    assert "segment.unlink()" in given["unlink-shared-memory"].do
    assert "unmap-when-done" not in given


def test_mapped_files_are_to_be_unmapped(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    loop = f"{file}:5:main"
    groups = {turn: {"/data/part-*.bin": [turn, turn * MB, turn * MB]} for turn in READ_AT}
    seen = "".join(looked("surroundings", turn, loop=loop, maps=groups[turn]) for turn in READ_AT)
    journal = loop_text(40, level, file=str(file)) + seen

    given = advised(file, "for i in range(40): pass\n", journal + metered(file, "mapped", MB))

    assert list(given) == ["unmap-when-done"]


def test_shared_memory_is_unmapped_as_it_was_mapped_without_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    kept = loop_text(40, level, file=str(file), also={"rss_shmem": lambda turn: turn * MB})

    given = advised(file, "for i in range(40): pass\n", kept + metered(file, "mapped", MB))

    assert "mmap.mmap(-1, size)" in given["unmap-when-done"].do


def test_tensors_held_on_the_gpu_are_to_be_kept_elsewhere_and_a_reserve_is_not(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    held = loop_text(40, level, file=str(file), also={"gpu": lambda turn: [MB * turn, 100 * MB]})
    reserve = loop_text(40, level, file=str(file), also={"gpu": lambda turn: [MB, 100 * MB + MB * turn]})

    assert "keep-off-the-gpu" in advised(file, "pass\n", held)
    assert "keep-off-the-gpu" not in advised(file, "pass\n", reserve)
