"""Advice that follows from how the loop's code is written: what it keeps, copies, saves and when."""

from __future__ import annotations

import ast
import re

from leakhunt.analysis.advised import (
    Setting,
    insertion,
    is_leak,
    name_in_code,
    numbers,
    place,
    recommend,
    tagged,
)
from leakhunt.analysis.cases import Case
from leakhunt.analysis.source import Insert, Source, refers_to
from leakhunt.findings.diagnosis import Recommendation
from leakhunt.units import format_bytes

_ADDS = frozenset({"append", "extend", "add", "[]=", "+=", "insert"})
_JOINS = frozenset(
    {"concatenate", "append", "vstack", "hstack", "stack", "concat", "cat", "column_stack", "r_"}
)
_REPLACING = re.compile(r"^(update|replace|set|reset|refresh|load|store|fill)")
_BULK = ("ndarray", "Tensor", "DataFrame", "Series")


def save_each_unit(case: Case, setting: Setting) -> Recommendation | None:
    """Results of every turn kept in a container that is handed over once, after the loop."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or found is None or used is None or found.how not in _ADDS or not used.uses_after:
        return None
    name, source = name_in_code(case) or used.name, used.source
    last = min(
        (call for call in used.uses_after if call.lineno > found.line),
        key=lambda call: call.lineno,
        default=None,
    )
    if last is None or not found.in_loop:
        return None
    why = (
        f"{name} holds the results of every {setting.unit} ({numbers(case)}) until line {last.lineno} "
        f"({source.text(last)}) uses them all at once. A crash before that loses everything."
    )
    code = _saving(source, found, used.name, last)
    return recommend(
        "save-each-unit",
        f"save each {setting.unit} as it is done and keep only the summary",
        why,
        f"Write what each {setting.unit} produced to disk in the loop instead of collecting it in {name}.",
        code,
        case,
        setting,
        where=place(source, found.line),
    )


def _saving(source: Source, found: Insert, name: str, last: ast.Call) -> str:
    """The change as code: append to a file in the format that the program saves in anyway."""
    text = "\n".join(source.lines)
    file = name.strip("_") or "results"
    value = found.value
    if "np.save" in text and not _uses_frames(text):
        return f'np.save(f"{file}-{{number:04d}}.npy", {value})  # instead of {_short(source, found)}'
    if _uses_frames(text):
        rows = value if found.how == "extend" or value.startswith("[") else f"[{value}]"
        return (
            f"done = pd.DataFrame({rows})  # instead of {_short(source, found)}\n"
            f'done.to_csv("{file}.csv", mode="a", header=not os.path.exists("{file}.csv"), index=False)\n'
            f"# line {last.lineno}: read {file}.csv back instead of using {name}"
        )
    return (
        f'with open("{file}.jsonl", "a") as saved:  # instead of {_short(source, found)}\n'
        f'    saved.write(json.dumps({value}, default=str) + "\\n")\n'
        f"# line {last.lineno}: read {file}.jsonl back instead of using {name}"
    )


def _uses_frames(text: str) -> bool:
    return "DataFrame" in text or "to_csv" in text


def _short(source: Source, found: Insert) -> str:
    text = source.text(found.node)
    return text if len(text) <= 60 else f"{text[:57]}..."


def leave_object_out(case: Case, setting: Setting) -> Recommendation | None:
    """An object with big arrays stays alive because its result refers to it."""
    if not is_leak(case) or case.growth is None:
        return None
    bulk = sum(size for kind, _, size in case.growth.contents if kind.rpartition(".")[2] in _BULK)
    everything = sum(size for _, _, size in case.growth.contents)
    if not everything or bulk < 0.5 * everything:
        return None
    for kind, count, _ in case.growth.contents:
        if (
            kind.partition(".")[0] in ("numpy", "torch", "pandas", "builtins", "collections")
            or "." not in kind
        ):
            continue
        for source in setting.sources:
            stored = _stored_object(source, kind.rpartition(".")[2])
            if stored is not None:
                return _leave_out(case, setting, source, *stored, kind, count)
    return None


def _stored_object(source: Source, class_name: str) -> tuple[str, ast.AST] | None:
    """The variable that a new instance is bound to, and the place that puts it into a result."""
    for node in source.nodes:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        called = node.value.func
        made = (
            called.id
            if isinstance(called, ast.Name)
            else called.attr
            if isinstance(called, ast.Attribute)
            else ""
        )
        if made != class_name or not isinstance(node.targets[0], ast.Name):
            continue
        variable, function = node.targets[0].id, source.function_of(node)
        for use in ast.walk(function or source.tree):
            if isinstance(use, ast.Name) and use.id == variable and isinstance(use.ctx, ast.Load):
                holder = source.parents.get(use)
                if isinstance(holder, (ast.Dict, ast.List, ast.Tuple)) or (
                    isinstance(holder, ast.keyword)
                    and holder.arg is not None
                    and _is_collecting(source, holder)
                ):
                    return variable, use
                if isinstance(holder, ast.Call) and use in holder.args and _is_collecting_call(holder):
                    return variable, use
    return None


def _is_collecting(source: Source, keyword: ast.keyword) -> bool:
    call = source.parents.get(keyword)
    return isinstance(call, ast.Call) and (
        _is_collecting_call(call)
        or (isinstance(call.func, ast.Name) and (call.func.id == "dict" or call.func.id[:1].isupper()))
    )


def _is_collecting_call(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in (
        "append",
        "update",
        "add",
        "setdefault",
    )


def _leave_out(
    case: Case, setting: Setting, source: Source, variable: str, use: ast.AST, kind: str, count: int
) -> Recommendation:
    line = int(getattr(use, "lineno", 1))
    name = name_in_code(case) or "the results"
    per_object = (
        format_bytes(sum(size for _, _, size in case.growth.contents) / max(1, count)) if case.growth else ""
    )
    why = (
        f"{count:,} {kind.rpartition('.')[2]} objects are still alive, about {per_object} each: "
        f"line {line} puts {variable} into what {name} keeps, and with it all its arrays."
    )
    code = (
        f"{_without(source.bare(line), variable)}  # without {variable}: only its numbers\n"
        f"del {variable}\n"
        "gc.collect()  # only if it is part of a cycle"
    )
    return recommend(
        "keep-scalars",
        f"keep the scalars, not the {kind.rpartition('.')[2]}",
        why,
        f"Take {variable} out of the result and let it go before the next {setting.unit}.",
        code,
        case,
        setting,
        where=place(source, line),
    )


def _without(line: str, variable: str) -> str:
    """Return a line of code with the variable taken out of the call or literal that it is listed in."""
    label = r"(?:\w+\s*=\s*|[\"']\w+[\"']\s*:\s*)?"
    return re.sub(rf",\s*{label}{re.escape(variable)}(?=\s*[,)}}\]])", "", line, count=1)


def clear_before_fill(case: Case, setting: Setting) -> Recommendation | None:
    """A buffer whose method is meant to replace its contents adds to them."""
    found, used = insertion(case), case.usage
    if (
        not is_leak(case)
        or found is None
        or used is None
        or found.how not in ("extend", "append", "+=", "update")
    ):
        return None
    if not _REPLACING.match(found.function) or used.removals:
        return None
    receiver = (
        found.node.func.value
        if isinstance(found.node, ast.Call) and isinstance(found.node.func, ast.Attribute)
        else None
    )
    target = used.source.text(receiver) if receiver is not None else used.name
    why = (
        f"{found.function}() adds to {target} and never takes the old contents out, so those of every "
        f"{setting.unit} stay alive ({numbers(case)})."
    )
    code = f"{target}.clear()\n{used.source.bare(found.line)}"
    return recommend(
        "clear-before-fill",
        "clear the buffer before it is filled again",
        why,
        f"Empty {target} first, so that the old contents are freed before the new ones are made.",
        code,
        case,
        setting,
        where=place(used.source, found.line),
    )


def stop_copying_into_one(case: Case, setting: Setting) -> Recommendation | None:
    """An array, frame, tuple or text is rebuilt bigger in every turn."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or found is None or used is None or case.growth is None:
        return None
    raw = case.growth.type.rpartition(".")[2]
    if found.how != "rebind" and not (
        raw in ("str", "bytes", "bytearray") and found.how in ("+=", "extend", "write")
    ):
        return None
    value = getattr(found.node, "value", None)
    called = value.func if isinstance(value, ast.Call) else None
    joined = called.attr if isinstance(called, ast.Attribute) else ""
    name, source = name_in_code(case) or used.name, used.source
    if raw in ("str", "bytes", "bytearray"):
        mode = "a" if raw == "str" else "ab"
        opened = f'with open("{used.name}.out", "{mode}") as out:'
        code = f"{opened}\n    out.write(...)  # instead of {_short(source, found)}"
        sentence = f"Write each piece to a file instead of growing {name} in memory."
    elif joined in _JOINS:
        code = f"{_short(source, found)}  # before\n{_joined_once(source, name, value)}"
        sentence = f"Do not copy {name} into a bigger one each time: write the parts out, join once."
    else:
        code = f"{name}.append(...)  # {name} = [] before the loop; keep only what is needed later"
        sentence = f"Do not rebuild {name} from itself each time."
    why = (
        f"Line {found.line} builds a bigger {raw} out of the old one each {setting.unit} ({numbers(case)}); "
        "while it copies, both are in memory."
    )
    return recommend(
        "stop-rebuilding",
        f"do not rebuild {name} bigger in every {setting.unit}",
        why,
        sentence,
        code,
        case,
        setting,
        where=place(source, found.line),
    )


def _joined_once(source: Source, name: str, value: ast.AST | None) -> str:
    """The code that joins once: `parts.append(new)` in the loop, the same call over all parts after it."""
    if not isinstance(value, ast.Call):
        return "parts.append(...)  # after: in the loop"
    first = value.args[0] if value.args else None
    pieces = first.elts if isinstance(first, (ast.List, ast.Tuple)) else value.args
    new = [source.text(one) for one in pieces if not refers_to(one, name.rpartition(".")[2])]
    extra = "".join(f", {source.text(keyword)}" for keyword in value.keywords)
    return (
        f"parts.append({new[0] if len(new) == 1 else '...'})  # after: in the loop; write them out now and then\n"
        f"{name} = {source.text(value.func)}(parts{extra})  # once, after the loop"
    )


def define_class_once(case: Case, setting: Setting) -> Recommendation | None:
    """A class is made in every turn and stays registered with its bases."""
    if not is_leak(case) or not tagged(case, "class-per-iteration"):
        return None
    for source in setting.sources:
        for node in source.nodes:
            made = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and (
                    (node.func.id == "type" and len(node.args) == 3)
                    or node.func.id in ("namedtuple", "make_dataclass")
                )
            )
            if (isinstance(node, ast.ClassDef) or made) and (
                source.around(node, ast.For, ast.While) or source.function_of(node) is not None
            ):
                code = f"{source.bare(getattr(node, 'lineno', 1))}  # at module level, once"
                why = f"Every {setting.unit} makes a new class ({numbers(case)}); classes are rarely freed."
                return recommend(
                    "define-class-once",
                    "make the class once, outside the loop",
                    why,
                    "Move it to module level and reuse it.",
                    code,
                    case,
                    setting,
                    where=place(source, node),
                )
    return None


def nothing_reads_it(case: Case, setting: Setting) -> Recommendation | None:
    """The holder is filled and never looked at again."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or found is None or used is None or used.name == "self":
        return None
    inserting = {id(inner) for one in used.inserts for inner in ast.walk(one.node)}
    measured = False
    for source in setting.sources:
        for node in source.nodes:
            if id(node) in inserting or not isinstance(getattr(node, "ctx", None), ast.Load):
                continue
            if isinstance(node, (ast.Name, ast.Attribute)) and refers_to(node, used.name):
                if not _only_measured(source, node):
                    return None
                measured = True
    name = name_in_code(case) or used.name
    code = f"# delete: {_short(used.source, found)}"
    return recommend(
        "remove-unused",
        f"count instead of filling {name}: only its length is read"
        if measured
        else f"stop filling {name}: nothing reads it",
        f"{name} is filled ({numbers(case)}) and "
        + ("only len() of it is used" if measured else "its items are not used")
        + " in the files that were followed.",
        "Add up a number instead of keeping the items."
        if measured
        else "Remove the line, or write the items to a file if they are kept for later.",
        code,
        case,
        setting,
        where=place(used.source, found.line),
    )


def _only_measured(source: Source, node: ast.AST) -> bool:
    call = source.parents.get(node)
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "len"
