"""Columns of data frames that are read from a file, held in memory, and never looked at.

Joins what a census saw (which columns a variable's frame holds, and their bytes) with what the source can
touch (`frame_uses`). Says nothing unless every use of the frame is known.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leakhunt.analysis.advised import Setting, place
from leakhunt.analysis.frame_uses import Unknown, uses_of
from leakhunt.analysis.source import Source, read_source
from leakhunt.analysis.variables import values_given
from leakhunt.census.tables import Table
from leakhunt.findings.diagnosis import Recommendation
from leakhunt.units import format_bytes

#: What a reader is called -> the argument that picks columns, and how many arguments may stand without a name.
READERS = {
    "read_parquet": ("columns", 2),
    "read_feather": ("columns", 1),
    "read_orc": ("columns", 1),
    "read_csv": ("usecols", 2),
    "read_table": ("usecols", 2),
}
#: Arguments with which a reader returns no frame, or already picks.
_OTHERWISE = frozenset({"columns", "usecols", "chunksize", "iterator", "index_col", "names", "filters"})
_LEAST_BYTES = 5_000_000
_LEAST_SHARE = 0.2
_MOST_FILES = 60
_MOST_SHOWN = 40
#: Whoever calls these can reach any variable by a name that is computed.
_REACHING = frozenset({"eval", "exec", "locals", "globals", "vars"})


@dataclass(frozen=True, slots=True)
class Unused:
    """A frame, the call that read it, and the columns that nothing touches."""

    source: Source
    call: ast.Call
    table: Table
    used: list[str]
    unused: list[str]

    @property
    def unused_bytes(self) -> int:
        sizes = dict(zip(self.table.columns, self.table.bytes, strict=True))
        return sum(sizes[name] or 0 for name in self.unused)

    @property
    def all_bytes(self) -> int:
        return sum(size or 0 for size in self.table.bytes)


def read_only_used_columns(setting: Setting) -> Recommendation | None:
    """Columns that are read from a file and never used."""
    found = max(unused_columns(setting), key=lambda one: one.unused_bytes, default=None)
    if found is None:
        return None
    reader = name_of(found.call)
    argument = READERS[reader][0]
    file = file_read(found.source, found.call) or f"the file of {reader}()"
    count, share = len(found.unused), found.unused_bytes / found.all_bytes
    what = f"{count:,} of {len(found.table.columns):,} columns"
    size = f"{100 * share:.0f} % of {format_bytes(found.all_bytes)}"
    names = ", ".join(f'"{name}"' for name in found.used[:_MOST_SHOWN])
    before = found.source.text(found.call)
    after = f"{before.removesuffix(')').rstrip(' ,')}, {argument}=[{names}])"
    return Recommendation(
        slug="columns-never-used",
        title=f"{what} ({size}) read from {file} are never used: pass {argument}=[...]",
        why=(
            f"Line {found.call.lineno} reads all columns into {found.table.name}, and it is held during the loop. "
            f"The program's source looks at {listed(found.used)} only; the other {count:,} take "
            f"{format_bytes(found.unused_bytes)}, and more while they are read."
        ),
        do=(
            "Read only the columns that are used; the others are not even decoded then.\n\n"
            f"# {os.path.basename(found.source.path)}:{found.call.lineno}\n"
            f"{before}  # before\n{after}  # after"
        ),
        findings=[],
        where=place(found.source, found.call),
        confirm=f"leakhunt profile {setting.run.target} again: the peak is lower and this advice is gone",
    )


def listed(names: Sequence[str]) -> str:
    """Return names as a person lists them, the first few."""
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def unused_columns(setting: Setting) -> Iterator[Unused]:
    """Every frame that a census saw of which enough is never used, as far as all its uses are known."""
    if not setting.run.tables:
        return
    sources = project_sources(setting)
    if sources is None or any(reaches_by_name(source) for source in sources):
        return
    mentioned = {text for source in sources for text in constants_in(source)}
    for source in sources:
        near = [table for table in setting.run.tables if table.file == source.path]
        columns = frozenset(name for table in near for name in table.columns)
        for call in whole_reads(source) if near else []:
            try:
                uses = uses_of(sources, source, call, columns)
            except Unknown:
                continue
            for table in setting.run.tables:
                if _variable(table) in {_without_function(variable) for variable in uses.variables}:
                    found = _unused(source, call, table, uses.columns | mentioned)
                    if found is not None:
                        yield found


def _variable(table: Table) -> tuple[str, str | None, str]:
    function = None if table.name.startswith("self.") or table.function is None else table.function
    return table.file, function.rpartition(".")[2] if function is not None else None, table.name


def _without_function(variable: tuple[str, str | None, str]) -> tuple[str, str | None, str]:
    file, function, name = variable
    return file, None if name.startswith("self.") else function, name


def _unused(source: Source, call: ast.Call, table: Table, used: set[str]) -> Unused | None:
    kept = [name for name in table.columns if name in used]
    found = Unused(source, call, table, kept, [name for name in table.columns if name not in used])
    enough = found.unused_bytes >= max(_LEAST_BYTES, _LEAST_SHARE * found.all_bytes)
    return found if kept and enough else None


def whole_reads(source: Source) -> Iterator[ast.Call]:
    """The calls of pandas that read a whole file into a frame, with all its columns."""
    modules, functions = set(), set()
    for node in source.nodes:
        if isinstance(node, ast.Import):
            modules |= {one.asname or one.name for one in node.names if one.name == "pandas"}
        elif isinstance(node, ast.ImportFrom) and node.module == "pandas":
            functions |= {one.name for one in node.names if one.asname is None}
    for node in source.nodes:
        if not isinstance(node, ast.Call) or name_of(node) not in READERS:
            continue
        called = node.func
        of_module = (
            isinstance(called, ast.Attribute)
            and isinstance(called.value, ast.Name)
            and called.value.id in modules
        )
        named = {keyword.arg for keyword in node.keywords}
        plain = not any(isinstance(one, ast.Starred) for one in node.args) and None not in named
        few = 1 <= len(node.args) <= READERS[name_of(node)][1]
        if (of_module or name_of(node) in functions) and plain and few and not named & _OTHERWISE:
            yield node


def name_of(call: ast.Call) -> str:
    """Return the last part of what is called."""
    called = call.func
    return called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")


def file_read(source: Source, call: ast.Call) -> str | None:
    """Return the name of the file where the source has it as text, possibly one assignment away."""
    waiting: list[ast.AST] = [call.args[0]]
    for _ in range(8):
        if not waiting:
            return None
        value = waiting.pop(0)
        for node in ast.walk(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
                return os.path.basename(node.value)
        for node in ast.walk(value):
            if isinstance(node, ast.Name):
                for scope in {source.function_of(call), None}:
                    waiting += [
                        given for _, given in values_given(source, scope, node.id) if given is not None
                    ]
    return None


def constants_in(source: Source) -> Iterator[str]:
    """Every text in the source, and its words: a column that is named anywhere may be used."""
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 2000:
            yield node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg


def reaches_by_name(source: Source) -> bool:
    """Tell whether variables are reached by names that are computed."""
    return any(isinstance(node, ast.Name) and node.id in _REACHING for node in source.nodes)


def project_sources(setting: Setting) -> list[Source] | None:
    """Return the followed files, the script, and what they import from beside them; None if one is unreadable."""
    started = setting.run.started
    target = os.path.join(setting.run.cwd or "", setting.run.target)
    script = read_source(target, changed_before=started)
    begin = [*setting.sources, *([script] if script is not None else [])]
    return imported_sources(begin, os.path.dirname(target), changed_before=started)


def imported_sources(
    begin: Sequence[Source], root: str, *, changed_before: float | None = None
) -> list[Source] | None:
    """Return these files and what they import from beside them or below `root`; None if one is unreadable."""
    found = {source.path: source for source in begin}
    waiting = list(found.values())
    while waiting:
        source = waiting.pop()
        for file in _imported_files(source, root):
            if file in found:
                continue
            read = read_source(file, changed_before=changed_before) if len(found) < _MOST_FILES else None
            if read is None or not read.parses:
                return None
            found[file] = read
            waiting.append(read)
    return list(found.values())


def _imported_files(source: Source, root: str) -> Iterator[str]:
    folder = os.path.dirname(source.path)
    for node in source.nodes:
        names: list[tuple[str, int]] = []
        if isinstance(node, ast.Import):
            names = [(one.name, 0) for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            inside = f"{node.module}." if node.module else ""
            names = [(f"{inside}{one.name}", node.level) for one in node.names]
            names += [(node.module, node.level)] if node.module else []
        for name, level in names:
            base = folder
            for _ in range(level - 1):
                base = os.path.dirname(base)
            for start in {base} if level else {folder, root}:
                stem = os.path.join(start, *name.split("."))
                yield from (
                    file for file in (f"{stem}.py", os.path.join(stem, "__init__.py")) if os.path.isfile(file)
                )
