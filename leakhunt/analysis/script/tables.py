"""Files of many columns that are read whole to use a few."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from leakhunt.analysis.columns import READERS, constants_in, listed, name_of, reaches_by_name, whole_reads
from leakhunt.analysis.frame_uses import Unknown, uses_of
from leakhunt.analysis.script.program import Program, where
from leakhunt.analysis.source import Source
from leakhunt.findings.concerns import Concern
from leakhunt.units import format_bytes

_MOST_USED = 20
#: Formats of which columns can be read alone.
_COLUMNAR = frozenset({"read_parquet", "read_feather", "read_orc"})
#: A table of which so little is superfluous is not worth a word.
_LEAST_UNUSED_SHARE = 0.3


def every_column_read(program: Program) -> Iterator[Concern]:
    """A table is read with all its columns, and the source looks at few that it names."""
    if not program.complete or any(reaches_by_name(source) for source in program.sources):
        return
    mentioned = {text for source in program.sources for text in constants_in(source)}
    for source in program.sources:
        for call in whole_reads(source):
            schema = _schema(program, source, call)
            try:
                uses = uses_of(program.sources, source, call, frozenset(schema or ()))
            except Unknown:
                continue
            used = sorted(uses.columns)
            if not used or len(used) > _MOST_USED or _writes_it(source, call.args[0]):
                continue
            if schema is None and name_of(call) not in _COLUMNAR:
                continue  # a small file, for all one knows
            figure = f"{len(used)} used"
            size = None
            if schema is not None:
                kept = {name for name in schema if name in uses.columns or name in mentioned}
                if not kept or len(schema) - len(kept) < max(1, _LEAST_UNUSED_SHARE * len(schema)):
                    continue
                used = [name for name in schema if name in kept]
                size = sum(schema[name] for name in schema if name not in kept)
                figure = f"{len(schema)} columns, {len(used)} used, {format_bytes(size)} for nothing"
            yield _concern(source, call, used, figure, known=schema is not None)


def _concern(source: Source, call: ast.Call, used: list[str], figure: str, *, known: bool) -> Concern:
    chooser = READERS[name_of(call)][0]
    before = source.text(call)
    names = ", ".join(f'"{name}"' for name in used)
    return Concern(
        "every-column-read", "risky" if known else "note", "a table is read with all its columns", figure,
        f"pass {chooser}=[...]",
        why=(
            f"The source looks at {listed(used)} only"
            + (", and the other columns are read and held beside them." if known
               else "; the file is not here to see how many others it has.")
        ),
        code=f"{before}  # before\n{before.removesuffix(')').rstrip(' ,')}, {chooser}=[{names}])  # after",
        where=where(source, call),
    )  # fmt: skip


def _writes_it(source: Source, path: ast.AST) -> bool:
    """Tell whether the program writes the file itself: then it has what the program put there."""
    written = ast.unparse(path)
    return any(
        isinstance(node, ast.Call)
        and name_of(node).startswith(("to_", "write"))
        and any(ast.unparse(one) == written for one in node.args)
        for node in source.nodes
    )


def _schema(program: Program, source: Source, call: ast.Call) -> dict[str, int] | None:
    """Return the columns of a parquet file with their bytes, where the source names one that is there."""
    path = _path(program, source, call.args[0])
    if path is None or name_of(call) != "read_parquet":
        return None
    for folder in (Path.cwd(), Path(source.path).parent):
        file = folder / path
        if file.is_file():
            try:
                import pyarrow.parquet as parquet

                about = parquet.ParquetFile(file).metadata
            except Exception:  # no pyarrow, or not a parquet file
                return None
            sizes: dict[str, int] = {}
            for group in range(about.num_row_groups):
                for at in range(about.num_columns):
                    column = about.row_group(group).column(at)
                    name = column.path_in_schema.partition(".")[0]
                    sizes[name] = sizes.get(name, 0) + column.total_uncompressed_size
            return sizes
    return None


def _path(program: Program, source: Source, node: ast.AST, depth: int = 6) -> str | None:
    """Return the path that an expression stands for: text, Path(text), environ.get(name, text), names of these."""
    if depth == 0:
        return None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        values = program.bound(source, node)
        return _path(program, source, values[0], depth - 1) if len(values) == 1 else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = (_path(program, source, side, depth - 1) for side in (node.left, node.right))
        return os.path.join(left, right) if left is not None and right is not None else None
    if isinstance(node, ast.Call):
        name = program.called(source, node.func)
        if name in ("pathlib.Path", "str", "os.fspath") and len(node.args) == 1:
            return _path(program, source, node.args[0], depth - 1)
        if name in ("os.environ.get", "os.getenv") and node.args and isinstance(node.args[0], ast.Constant):
            given = os.environ.get(str(node.args[0].value))
            return given or (_path(program, source, node.args[1], depth - 1) if len(node.args) == 2 else None)
    return None
