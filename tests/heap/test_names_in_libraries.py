"""What a library keeps inside one of its objects goes by the name that the program has for that object."""

from __future__ import annotations

from leakhunt.census.format import Row
from leakhunt.census.naming import name_of


def chain(*steps: tuple[str, str]) -> list[Row]:
    """A path from the frame of `program.main()` over these (label, type) steps."""
    note = {"kind": "frame", "module": "program", "function": "main"}
    rows = [Row(-1, "frame", "", 1, None, 0, {}, note, False)]
    rows += [Row(at, label, kind, 1, None, 0, {}, {}, False) for at, (label, kind) in enumerate(steps)]
    return rows


def test_the_blocks_of_a_data_frame_are_the_data_frame() -> None:
    name = name_of(
        chain(
            ("=table", "pandas.core.frame.DataFrame"),
            ("._mgr", "pandas.core.internals.managers.BlockManager"),
            ("->", "tuple"),
            ("[*]", "pandas._libs.internals.Block"),
            ("->", "numpy.ndarray"),
            (".base", "numpy.ndarray"),
        )
    )

    assert name.path == "program.main() local table"
    assert name.depth == 1


def test_the_graph_of_a_tensor_is_the_tensor() -> None:
    name = name_of(chain(("=total", "torch.Tensor"), (".grad_fn", "torch.Tensor")))

    assert name.path == "program.main() local total"


def test_an_attribute_called_base_of_the_programs_own_object_keeps_its_name() -> None:
    name = name_of(chain(("=tower", "program.Tower"), (".base", "list")))

    assert name.path == "tower.base  (program.main() local tower)"


def test_a_name_behind_an_edge_without_one_is_kept() -> None:
    name = name_of(chain(("=stream", "io.Stream"), ("->", "program.Source"), (".rows", "list")))

    assert name.path.startswith("stream-><Source>.rows")


def test_a_private_attribute_of_the_programs_own_class_is_kept() -> None:
    name = name_of(chain(("=service", "program.Service"), ("._pool", "ext.Pool"), ("->", "list")))

    assert name.path == "service._pool  (program.main() local service)"


def test_the_items_of_a_container_are_still_shown() -> None:
    name = name_of(chain(("=rows", "list"), ("[*]", "list")))

    assert name.path == "rows[*]  (program.main() local rows)"


def test_the_items_of_a_cache_go_by_the_name_of_the_cache() -> None:
    name = name_of(chain(("@squares", "functools._lru_cache_wrapper"), ("[*]", "tuple")))

    assert name.path == "cache of squares (functools.lru_cache)"
