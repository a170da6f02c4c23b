"""Which layer grows where no holder explains it, and what it takes to call that a leak."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from described import LOOP, MB, described, growth, looked, loop_text

from leakhunt.analysis.diagnose import diagnose
from leakhunt.analysis.metered import Metered
from leakhunt.analysis.source import read_source
from leakhunt.findings.diagnosis import Finding
from leakhunt.model.layers import Line
from leakhunt.model.run import Run

READ_AT = (3, 6, 10, 16, 24, 36, 40)


def rising(turn: int) -> float:
    return 100 * MB + turn * 100_000


def level(turn: int) -> float:
    return 100 * MB


def native(turn: int) -> float:
    return 50 * MB + turn * 100_000


def metered(turn: int, net: int, *, meter: str = "malloc", line: int = 9, complete: bool = True) -> str:
    places = [["/app/sweep.py", line, "parse", net, []], ["/app/sweep.py", 30, "main", -200, []]]
    return looked(
        "bracket", turn, meter=meter, places=places, net=net - 200, via="settrace", complete=complete
    )


def surroundings(turn: int, **groups: object) -> str:
    return looked("surroundings", turn, **groups)


def findings(journal: str, **more: object) -> list[Finding]:
    return diagnose(described(journal, **more)).findings  # type: ignore[arg-type]


NATIVE = {"in_use": native, "blocks": lambda turn: 40_000}


def test_a_line_that_took_memory_in_both_metered_turns_makes_native_growth_a_leak() -> None:
    journal = loop_text(40, rising, **NATIVE) + metered(20, 100_000) + metered(21, 100_016)  # type: ignore[arg-type]

    (found,) = findings(journal)

    assert (found.kind, found.verdict) == ("native-growth", "leak")
    assert found.title == (
        "memory of native code taken at sweep.py:9 is never given back: +100 kB per iteration"
    )
    assert "Metered line by line, sweep.py:9 added +100 kB in 2 of 2 turns." in found.evidence
    (site,) = found.sites
    assert (site.file, site.line, site.function, site.role) == ("/app/sweep.py", 9, "parse", "allocation")
    assert site.share == 1.0


@pytest.mark.parametrize(
    "turns",
    [
        [metered(20, 100_000)],
        [metered(20, 100_000), metered(21, 100_000, line=12)],
        [metered(20, 100_000), metered(21, 10_000)],
        [metered(20, 100_000, complete=False), metered(21, 100_000, complete=False)],
    ],
    ids=["one turn", "another line each turn", "little in the second turn", "lines left out"],
)
def test_a_line_that_was_not_seen_twice_leaves_native_growth_undecided(turns: list[str]) -> None:
    journal = loop_text(40, rising, **NATIVE) + "".join(turns)  # type: ignore[arg-type]

    (found,) = findings(journal)

    assert (found.kind, found.verdict, found.sites) == ("native-growth", "cannot-tell", [])


def test_a_metered_line_says_nothing_while_memory_stays_level() -> None:
    journal = loop_text(40, level, in_use=level) + metered(20, 100_000) + metered(21, 100_000)

    assert findings(journal) == []


# ---- gaps -------------------------------------------------------------------------------


def trimmed(turn: int, before: float, after: float, where: str = "end") -> str:
    pair = [int(before), int(after)]
    return looked("probe", turn, where=where, resident=pair, in_use=[50 * MB, 50 * MB], free=[20 * MB, MB])


def test_a_trim_that_gives_the_growth_back_proves_fragmentation() -> None:
    journal = loop_text(40, rising, in_use=lambda turn: 50 * MB) + trimmed(40, 104 * MB, 100.5 * MB)

    (found,) = findings(journal)

    assert (found.kind, found.verdict) == ("fragmentation", "no-leak")
    assert "malloc_trim gave back 3.5 MB of 104 MB at turn 40." in found.evidence


def test_a_trim_that_gives_nothing_back_clears_nothing_however_much_malloc_calls_free() -> None:
    journal = loop_text(40, rising, in_use=lambda turn: 50 * MB, free=lambda turn: 10 * MB + turn * 100_000)

    (found,) = findings(journal + trimmed(40, 104 * MB, 103.9 * MB))

    assert (found.kind, found.verdict) == ("unexplained-growth", "cannot-tell")
    assert "malloc_trim gave back 100 kB of 104 MB at turn 40." in found.evidence


def test_a_trim_does_not_clear_growth_that_malloc_has_in_use() -> None:
    journal = loop_text(40, rising, **NATIVE) + trimmed(40, 104 * MB, 100.5 * MB)  # type: ignore[arg-type]

    assert [found.kind for found in findings(journal)] == ["native-growth"]


def test_resident_memory_is_judged_up_to_a_trim_in_the_middle_of_the_loop() -> None:
    def resident(turn: int) -> float:
        return rising(turn) if turn <= 24 else rising(turn - 24)

    journal = loop_text(40, resident, in_use=lambda turn: 50 * MB)

    (found,) = findings(journal + trimmed(24, 102.4 * MB, 100 * MB, "boundary"))

    assert (found.kind, found.verdict) == ("fragmentation", "no-leak")
    assert found.bytes_per_iteration == pytest.approx(100_000)


# ---- mappings ---------------------------------------------------------------------------

MAPPED = {"mapped": lambda turn: int(800 * MB + turn * 100_000)}


def test_memory_mapped_past_malloc_is_undecided_until_a_line_was_metered() -> None:
    journal = loop_text(40, rising, in_use=lambda turn: 50 * MB, also=MAPPED)

    (undecided,) = findings(journal)
    (found,) = findings(journal + metered(25, 100_000, meter="mapped") + metered(26, 100_000, meter="mapped"))

    assert (undecided.kind, undecided.verdict) == ("native-growth", "cannot-tell")
    assert undecided.title == "memory mapped past malloc grows by 100 kB per iteration, holder not seen"
    assert (found.kind, found.verdict) == ("native-growth", "leak")


def maps_held(**more: object) -> object:
    return growth(
        "sweep.main() local areas",
        each=100,
        contents=[("mmap.mmap", 40, 4_000)],
        **more,  # type: ignore[arg-type]
    )


def test_a_list_of_memory_maps_is_named_as_what_keeps_shared_memory() -> None:
    shared = {"rss_shmem": lambda turn: turn * 100_000}
    maps = [
        surroundings(turn, maps={"shared anonymous memory": [turn, turn * 10**5, turn * 10**5]})
        for turn in READ_AT
    ]
    journal = loop_text(40, level, in_use=lambda turn: 50 * MB, also=shared) + "".join(maps)

    (found,) = findings(journal, growths=[maps_held()])

    assert (found.kind, found.verdict) == ("native-growth", "leak")
    assert found.owner is not None
    assert found.owner.path == "sweep.main() local areas"
    assert "(shared anonymous memory)" in " ".join(found.evidence)


@pytest.mark.parametrize(
    ("mapped", "verdict"), [(20_480, "leak"), (0, "no-leak")], ids=["maps that stay", "maps that were closed"]
)
def test_small_maps_count_when_the_address_space_rises_with_the_list_of_them(
    mapped: int, verdict: str
) -> None:
    journal = loop_text(
        40, lambda turn: 100 * MB + turn * 20_480, in_use=lambda turn: 50 * MB,
        also={"mapped": lambda turn: 800 * MB + turn * mapped},
    )  # fmt: skip

    assert diagnose(described(journal, growths=[maps_held()])).verdict == verdict


def test_two_lists_of_memory_maps_leave_open_which_one_keeps_it() -> None:
    shared = {"rss_shmem": lambda turn: turn * 100_000}
    other = growth("sweep.OTHER", root="module", each=100, contents=[("mmap.mmap", 40, 4_000)])
    journal = loop_text(40, level, in_use=lambda turn: 50 * MB, also=shared)

    found = findings(journal, growths=[maps_held(), other])

    assert [(one.kind, one.verdict) for one in found if one.verdict != "no-leak"] == [
        ("native-growth", "cannot-tell")
    ]


def files_mapped(counts: Sequence[int], size: int) -> str:
    return "".join(
        surroundings(turn, maps={"/data/part-*.bin": [count, count * size, count * size]})
        for turn, count in zip(READ_AT, counts, strict=True)
    )


def test_ever_more_mapped_files_are_a_leak_once_the_line_was_metered() -> None:
    journal = loop_text(40, level) + files_mapped(READ_AT, MB)
    lines = metered(20, MB, meter="mapped") + metered(21, MB, meter="mapped")

    (undecided,) = findings(journal)
    (found,) = findings(journal + lines)

    assert undecided.verdict == "cannot-tell"
    assert (found.kind, found.verdict) == ("native-growth", "leak")
    assert found.title == "mapped files pile up: +1, +1 MB mapped per iteration"
    assert "files like /data/part-*.bin" in found.evidence[0]


def test_reading_on_in_one_mapped_file_is_silent() -> None:
    journal = loop_text(40, level, also={"rss_file": lambda turn: turn * MB})
    journal += "".join(
        surroundings(turn, maps={"/data/table.bin": [1, 400 * MB, turn * MB]}) for turn in READ_AT
    )

    assert findings(journal) == []


# ---- shared memory segments ---------------------------------------------------------------


def segments(counts: Sequence[int]) -> str:
    return "".join(
        surroundings(turn, segments={"psm_*": [count, count * 65_536, count * 4_096]})
        for turn, count in zip(READ_AT, counts, strict=True)
    )


def test_segments_left_in_dev_shm_are_a_leak_once_the_line_was_metered() -> None:
    journal = loop_text(40, level) + segments(READ_AT)
    lines = metered(20, 1, meter="segments") + metered(21, 1, meter="segments")

    (undecided,) = findings(journal)
    (found,) = findings(journal + lines)

    assert undecided.verdict == "cannot-tell"
    assert "Another program of the same user may have made them." in undecided.evidence
    assert (found.verdict, found.count_per_iteration) == ("leak", 1)
    assert found.title == "shared memory segments pile up in /dev/shm: +1, +4.1 kB per iteration"


@pytest.mark.parametrize("counts", [(3, 3, 3, 3, 3, 3, 3), (3, 6, 8, 8, 8, 8, 8), (1, 0, 2, 0, 2, 1, 0)])
def test_segments_that_are_unlinked_again_are_silent(counts: Sequence[int]) -> None:
    assert findings(loop_text(40, level) + segments(counts)) == []


# ---- GPU ----------------------------------------------------------------------------------


def test_memory_handed_out_on_the_gpu_that_grows_is_a_leak() -> None:
    gpu = {"gpu": lambda turn: [10 * MB + turn * MB, 200 * MB]}

    (found,) = findings(loop_text(40, level, also=gpu))

    assert (found.kind, found.verdict, found.bytes_per_iteration) == ("gpu-growth", "leak", pytest.approx(MB))


def test_a_gpu_allocator_that_only_reserves_more_is_no_leak() -> None:
    gpu = {"gpu": lambda turn: [10 * MB + turn % 2 * 4096, 200 * MB + turn * MB]}

    (found,) = findings(loop_text(40, level, also=gpu))

    assert (found.kind, found.verdict) == ("gpu-growth", "no-leak")


def test_tensors_that_a_holder_explains_are_told_once() -> None:
    gpu = {"gpu": lambda turn: [10 * MB + turn * MB, 200 * MB]}
    losses = growth("sweep.main() local losses", each=MB, tags=frozenset({"torch-tensor"}))

    kinds = [found.kind for found in findings(loop_text(40, level, also=gpu), growths=[losses])]

    assert "gpu-growth" not in kinds


# ---- the forecast ---------------------------------------------------------------------------


def test_objects_that_two_holders_share_count_once_in_the_forecast() -> None:
    def shared_by_two(run: Run) -> Run:
        pair = [
            growth(each=MB, others=["sweep.BY_KEY"], shared_bytes=20 * MB, scaled=True),
            growth("sweep.BY_KEY", each=MB, others=["rows"], shared_bytes=20 * MB, scaled=True),
        ]
        return dataclasses.replace(run, growths=pair, growths_by_loop={LOOP: pair})

    run = shared_by_two(described(loop_text(40, level)))

    forecast = diagnose(run).forecast

    assert forecast is not None
    assert forecast.iterations_to_limit == pytest.approx(900, rel=0.05)  # 900 MB of room, 1 MB per turn


def test_a_metered_line_is_no_leak_where_no_census_could_have_shown_a_holder() -> None:
    journal = loop_text(40, rising, censuses=(), **NATIVE)  # type: ignore[arg-type]

    (found,) = findings(journal + metered(25, 100_000) + metered(26, 100_000))

    assert (found.kind, found.verdict) == ("native-growth", "cannot-tell")


@pytest.mark.parametrize(
    ("statement", "own"),
    [
        ("lines = [bytes(k) for k in range(n)]", True),
        ("parts = text.split() + list(lines)", True),
        ("area = LIBC.mmap(None, n)", False),
        ("block = numpy.zeros(n)", False),
        ("total = left + right", False),
    ],
)
def test_a_line_that_calls_nothing_but_python_maps_arenas_only(
    tmp_path: Path, statement: str, own: bool
) -> None:
    file = tmp_path / "sweep.py"
    file.write_text(statement)
    source = read_source(str(file))
    assert source is not None
    line = Line(str(file), 1, "main", 100_000, [])

    assert Metered(line, 1e5, 2, 2, source, memory=True).only_python is own


def test_what_a_comprehension_is_making_is_no_leak() -> None:
    journal = loop_text(40, rising, **NATIVE) + metered(20, 100_000) + metered(21, 100_016)  # type: ignore[arg-type]

    (found,) = findings(journal.replace("kind=for", "kind=comprehension"))

    assert "kind=for" in journal
    assert (found.kind, found.verdict) == ("native-growth", "cannot-tell")


def test_the_line_that_adds_what_the_counter_grows_by_is_named_and_not_one_whose_memory_is_given_back() -> (
    None
):
    places = [["/app/sweep.py", 30, "main", 108_000, []], ["/app/sweep.py", 31, "main", -108_000, []],
              ["/app/sweep.py", 9, "parse", 100_000, []]]  # fmt: skip
    lines = "".join(
        looked("bracket", turn, meter="malloc", places=places, net=100_000, via="settrace", complete=True)
        for turn in (20, 21)
    )

    (found,) = findings(loop_text(40, rising, **NATIVE) + lines)  # type: ignore[arg-type]

    assert [site.line for site in found.sites] == [9]
