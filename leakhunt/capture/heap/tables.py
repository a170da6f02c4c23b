"""Reads which data frames the program's own variables hold: their columns by name, and the bytes of each.

pandas is never imported and none of its Python code is run: frames are read through the C descriptors of
their storage, column names out of numpy arrays or arrow buffers. What cannot be read so is left out.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any, Literal

from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.frames import locals_of, running_frames
from leakhunt.capture.heap.walk import Walk
from leakhunt.census.tables import Table, save_tables, tables_beside

_MOST_TABLES = 16
_MOST_COLUMNS = 4_000
#: Cells of a column of objects that are sized.
_CELLS = 64
_C_MEMBERS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_SIZED = frozenset({str, bytes, int, float})
#: How arrow writes down where each text begins.
_OFFSETS: dict[str, Literal["i", "q"]] = {"string": "i", "large_string": "q"}


def record_tables(walk: Walk, census_path: str) -> None:
    """Write down, beside the census, the data frames in the variables of the program's own code."""
    tables = tables_of(walk)
    if tables:
        save_tables(tables, tables_beside(census_path))


def tables_of(walk: Walk) -> list[Table]:
    """Return the data frames that variables hold right now, of the code whose roots a walk called the user's."""
    frame_class = (look.loaded_namespace("pandas.core.frame") or {}).get("DataFrame")
    if type(frame_class) is not type:
        return []
    files = {root.note.get("file") for root in walk.roots if root.note.get("user")} - {None}
    found: list[Table] = []
    for file, function, name, value in _variables(files, walk.forked):
        if not any(base is frame_class for base in look.mro_of(type(value))):
            continue
        try:
            table = _table(file, function, name, value)
        except Exception:
            continue  # another pandas than those known: nothing is said about its columns
        if table is not None:
            found.append(table)
        if len(found) == _MOST_TABLES:
            break
    return found


def _variables(files: set[Any], forked: bool) -> Iterator[tuple[str, str | None, str, Any]]:
    """Every variable of these files' modules and running functions, and the attributes of `self`."""
    for module in list(sys.modules.values()):
        namespace = look.module_dict(module)
        file = namespace.get("__file__") if namespace is not None else None
        if namespace is None or type(file) is not str or file not in files:
            continue
        for name, value in list(namespace.items()):
            yield file, None, name, value
    for chain in running_frames().values():
        for frame in chain:
            code = frame.f_code
            if code.co_filename not in files or frame.f_locals is frame.f_globals:
                continue
            for name, value in locals_of(frame, forked).items():
                yield code.co_filename, look.code_name(code), name, value
                if name == "self" and (getter := look.dict_getter(type(value))) is not None:
                    for attribute, held in list(dict.items(getter(value))):
                        yield code.co_filename, look.code_name(code), f"self.{attribute}", held


def _table(file: str, function: str | None, name: str, frame: Any) -> Table | None:
    getter = look.dict_getter(type(frame))
    manager = getter(frame).get("_mgr") if getter is not None else None
    axes, blocks = _member(manager, "axes"), _member(manager, "blocks")
    if type(axes) is not list or type(blocks) is not tuple:
        return None
    names = _labels(axes[0])
    if names is None or len(names) > _MOST_COLUMNS or len(set(names)) < len(names):
        return None
    sizes: list[int | None] = [None] * len(names)
    for block in blocks:
        values, places = _member(block, "values"), _member(block, "_mgr_locs").indexer
        numbers = range(len(names))[places] if type(places) is slice else places.tolist()
        total = _bytes_of(values)
        for number in numbers:
            sizes[number] = total // len(numbers) if total is not None else None
    return Table(file, function, name, names, sizes)


def _member(owner: Any, name: str) -> Any:
    """Return a field of a C struct; None where the type has no such field."""
    for base in look.mro_of(type(owner)):
        entry = look.vars_of(base).get(name)
        if type(entry) in _C_MEMBERS:
            return entry.__get__(owner)
    return None


def _labels(index: Any) -> list[str] | None:
    """Return the texts of an index; None when they are anything but texts."""
    getter = look.dict_getter(type(index))
    data = getter(index).get("_data") if getter is not None else None
    array = _array(data)
    labels: Any
    if array is not None:
        labels = array.tolist() if array.ndim == 1 and array.dtype.char in "OU" else [None]
    else:
        labels = _arrow_texts(data)
    return labels if all(type(label) is str for label in labels) else None


def _array(data: Any) -> Any:
    """Return the numpy array that `data` is or is made of; None when there is none."""
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if type(data) is array:
        return data
    inner = _member(data, "_ndarray")
    return inner if type(inner) is array else None


def _attribute(owner: Any, name: str) -> Any:
    getter = look.dict_getter(type(owner))
    return getter(owner).get(name) if getter is not None else None


def _chunks(data: Any) -> list[Any]:
    """Return the arrow arrays behind a column; empty when there are none."""
    chunked = _attribute(data, "_pa_array")
    return [] if chunked is None else [chunked.chunk(at) for at in range(chunked.num_chunks)]


# `to_pylist` and `nbytes` of arrow may let go of the interpreter lock; buffers can be looked at without.
def _arrow_texts(data: Any) -> list[str | None]:
    texts: list[str | None] = []
    for chunk in _chunks(data):
        kind = _OFFSETS.get(str(chunk.type))
        present, offsets, letters = chunk.buffers() if kind else (None, None, None)
        if kind is None or offsets is None or (present is not None and chunk.null_count):
            return [None]
        starts = memoryview(offsets).cast("B").cast(kind)[chunk.offset : chunk.offset + len(chunk) + 1]
        content = memoryview(letters) if letters is not None else memoryview(b"")
        texts += [str(content[starts[at] : starts[at + 1]], "utf-8", "replace") for at in range(len(chunk))]
    return texts or [None]


def _bytes_of(values: Any) -> int | None:
    """Return what a block of columns takes; None when it cannot be told."""
    array = _array(values)
    if array is not None:
        return int(array.nbytes) + (_held_by_cells(array) if array.dtype.char == "O" else 0)
    parts = [_array(_attribute(values, name)) for name in ("_data", "_mask")]
    if parts[0] is not None:
        return sum(int(part.nbytes) for part in parts if part is not None)
    buffers = {
        buffer.address: buffer.size
        for chunk in _chunks(values)
        for buffer in chunk.buffers()
        if buffer is not None
    }
    return sum(buffers.values()) if buffers else None


def _held_by_cells(array: Any) -> int:
    """Estimate the objects in the cells from a sample; one that stands in many cells counts once."""
    step = max(1, array.size // _CELLS)
    cells = {id(cell): cell for cell in array.flat[::step].tolist()}
    seen = -(-array.size // step)
    held = sum(sys.getsizeof(cell) for cell in cells.values() if type(cell) in _SIZED)
    return held if 2 * len(cells) < seen else held * array.size // max(1, seen)
