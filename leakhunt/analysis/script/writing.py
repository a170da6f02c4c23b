"""Whether a piece of a script puts results where a kill cannot reach them."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from leakhunt.analysis.script.program import Program
from leakhunt.analysis.source import Source

# fmt: off
#: Methods and functions that write what they are given, or what they are called on, to a file.
SAVERS = frozenset({
    "to_csv", "to_parquet", "to_pickle", "to_json", "to_hdf", "to_feather", "to_excel", "to_sql", "to_netcdf",
    "to_zarr", "to_stata", "to_orc", "save", "savez", "savez_compressed", "savetxt", "dump", "write_text",
    "write_bytes", "writerow", "writerows", "write_table", "write_parquet", "write_csv", "write_batch", "tofile",
    "savemat", "imwrite", "create_dataset",
})
#: What else leaves a trace of the work outside of the process.
_ALSO = frozenset({
    "write", "commit", "execute", "executemany", "insert_one", "insert_many", "log_metric", "log_metrics", "log",
    "put_object", "upload_file", "put", "send", "publish", "append_row", "record", "checkpoint", "savefig",
    "set_user_attr", "tell",
})
# fmt: on


def saving_calls(program: Program, source: Source, statements: Iterable[ast.AST]) -> list[ast.Call]:
    """Return the calls below these statements that save results for good."""
    return [
        node
        for _, node in program.runs(source, statements)
        if isinstance(node, ast.Call) and _name(node) in SAVERS
    ]


def writes(program: Program, source: Source, statements: Iterable[ast.AST]) -> bool:
    """Tell whether these statements write anything that outlives the process."""
    for _, node in program.runs(source, statements):
        if isinstance(node, ast.Call):
            name = _name(node)
            if name in SAVERS or name in _ALSO or (name == "print" and _names_a_file(node)):
                return True
            if name == "open" and _opens_for_writing(node):
                return True
    return False


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _names_a_file(call: ast.Call) -> bool:
    return any(one.arg == "file" and "std" not in ast.unparse(one.value) for one in call.keywords)


def _opens_for_writing(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return any(len(mode) <= 3 and set(mode) & set("wax+") for mode in modes)
