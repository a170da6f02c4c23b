"""From a path of the heap to the words a programmer would use for it.

`sweep.main() local results`, `pkg.cache.CACHE['rows']`, `cache of Svc.f (functools.lru_cache)`.
Pure text work on rows; judges nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from leakhunt.census.format import Row

#: Labels that lead into the storage of an array or tensor, and into what no code can name.
_STORAGE = frozenset({".base", ".grad_fn"})
_UNNAMED = frozenset({"->", "[*]", "<keys>"})
_SUSPENDED = {"generator": "generator", "coroutine": "coroutine", "async_generator": "async generator"}


@dataclass(slots=True)
class Name:
    """A path in words: `path` for people, `key` without numbers for matching.

    `depth` is the row of the chain that the words are for: what a library keeps inside one of its objects
    goes by the name of that object."""

    depth: int = 0
    path: str = ""
    key: str = ""
    root: str = "unknown"
    module: str | None = None
    function: str | None = None
    file: str | None = None
    line: int | None = None


def name_of(chain: Sequence[Row]) -> Name:
    """Return the words for the last row of a chain that starts at a root."""
    depth = _last_named(chain)
    chain = chain[: depth + 1]
    name = Name(depth)
    first = chain[0]
    text, holder = _start(first, name)
    for above, row in itertools.pairwise(chain):
        text, holder = _step(above, row, text, holder, name)
    bare = (
        holder is not None
        and re.search(rf"(?<![\w]){re.escape(text)}(?![\w])", holder)
        and text.isidentifier()
    )
    if holder is None or chain[-1].label.startswith("thread "):
        name.path = text
    else:
        # the items of a cache have no name beside that of the cache
        name.path = holder if bare or not re.search(r"\w", text) else f"{text}  ({holder})"
    name.key = key_of(name.path)
    return name


def _last_named(chain: Sequence[Row]) -> int:
    """Return the last row that a programmer would name: `table`, not the block of numbers in its manager."""
    last = len(chain) - 1
    named = last
    while named > 1 and (chain[named].label in _UNNAMED or _is_storage(chain[named - 1], chain[named])):
        named -= 1
    inside = chain[named + 1 :]
    if any(row.label == "->" for row in inside):
        while named > 1 and _is_private(chain[named - 1], chain[named], chain[0]):
            named -= 1
        return named
    stored = next((at for at in range(named + 1, last + 1) if _is_storage(chain[at - 1], chain[at])), None)
    return last if stored is None else stored - 1


def _is_storage(above: Row, row: Row) -> bool:
    return row.label in _STORAGE and above.type.startswith(("numpy.", "torch."))


def _is_private(above: Row, row: Row, root: Row) -> bool:
    """Tell whether a library keeps this in an attribute that is its own business."""
    package, _, name = above.type.partition(".")
    home = str(root.note.get("module") or root.label).partition(".")[0]
    return row.label.startswith("._") and bool(name) and package not in (home, "__main__")


def key_of(path: str) -> str:
    """Return a path without the numbers that differ from run to run."""
    key = re.sub(r" suspended at line \d+", " suspended", path)
    key = re.sub(r"\bthread (\S*?)\d+(?=[ .)])", r"thread \1*", key)
    return re.sub(r"0x[0-9a-f]+", "0x*", key)


def _start(root: Row, name: Name) -> tuple[str, str | None]:
    note = root.note
    kind = note.get("kind")
    if kind == "module":
        name.root, name.module, name.file = "module", root.label, note.get("file")
        return str(note.get("shown") or root.label), None
    if kind == "frame":
        _in_frame(root, name)
        return "", f"{_frame_text(root)}()"
    if kind == "threads":
        name.root = "thread"
        return "running threads", None
    if kind == "garbage":
        name.root = "garbage"
        return f"unreachable {root.label}", None
    return "", None


def _in_frame(row: Row, name: Name) -> None:
    note = row.note
    name.root, name.module, name.function = "local", note.get("module"), note.get("function")
    name.file, name.line = note.get("file"), note.get("line")


def _frame_text(row: Row) -> str:
    module = row.note.get("shown") or row.note.get("module")
    return f"{module}.{row.note.get('function')}" if module else str(row.note.get("function"))


def _step(above: Row, row: Row, text: str, holder: str | None, name: Name) -> tuple[str, str | None]:
    label = row.label
    mark, rest = label[0], label[1:]
    if label == "->":
        return f"{text}-><{row.type.rpartition('.')[2]}>", holder
    if label == "<keys>":
        return f"{text}.keys()", holder
    if label.startswith("thread "):
        thread, target = row.note.get("name"), row.note.get("target")
        return (f"threads running {target}()" if target else f"thread {thread}"), f"thread {thread}"
    if label.startswith("frame "):
        held_by = holder
        _in_frame(row, name)
        name.root = "thread"
        return "", held_by
    if mark == "=":
        return rest, _local(above, rest, text, holder, name)
    if mark == "^":
        variable, _, function = rest.partition(" of ")
        _where(row, name, "closure", function)
        return variable, f"closure variable {variable} of {function}"
    if mark == "?":
        variable, _, function = rest.partition(" of ")
        _where(row, name, "closure", function)
        return variable, f"default argument {variable} of {function}()"
    if mark == "@":
        function = rest.removesuffix(" (self)")
        key = ", key self" if rest.endswith(" (self)") else ""
        _where(row, name, name.root, function)
        return "", f"cache of {function} (functools.lru_cache{key})"
    if mark == "$":
        return rest, f"contextvar {rest}"
    if mark == "!":
        return text, holder
    if above.type in ("_thread._local", "threading.local") and mark == ".":
        name.root = "thread"
        return rest, f"threading.local in {text} .{rest}"
    if above.type in ("type", "abc.ABCMeta") and mark == ".":
        name.root = "class"
    elif mark == "." and name.root == "class":
        name.root = "module"
    if above.label.startswith("thread "):
        text = str(holder)
        return f"{text}{label}", None
    return f"{text}{label}", holder


def _where(row: Row, name: Name, root: str, function: str) -> None:
    note = row.note
    name.root, name.function = root, function
    name.module = note.get("module") or name.module
    name.file, name.line = note.get("file") or name.file, note.get("line") or name.line


def _local(above: Row, variable: str, text: str, holder: str | None, name: Name) -> str:
    note = above.note
    function = note.get("function")
    if above.type in _SUSPENDED:
        _in_frame(above, name)
        name.root = "generator"
        return f"{_SUSPENDED[above.type]} {function}() suspended at line {note.get('line')}, local {variable}"
    if note.get("kind") == "frame":
        if holder is not None and holder.startswith("thread "):
            return f"{holder} local {variable} in {function}()"
        return f"{_frame_text(above)}() local {variable}"
    where = f"{text}  ({holder})" if holder and text not in holder.split() else holder or text
    _in_frame(above, name)
    what = "exception " if "__traceback__" in where else ""
    return f"{what}{where} -> {function}() local {variable}"
