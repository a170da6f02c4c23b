"""Advice about what piles up: tensors, figures, exceptions, threads, files, cycles, tasks, pools."""

from __future__ import annotations

import ast

from leakhunt.analysis.advised import (
    Setting,
    insertion,
    is_leak,
    loop_header,
    name_in_code,
    numbers,
    place,
    recommend,
    tagged,
    with_replaced,
)
from leakhunt.analysis.cases import Case
from leakhunt.analysis.repeated import repeated_in
from leakhunt.analysis.source import Insert, Source, Usage
from leakhunt.findings.diagnosis import Recommendation

_POOLS = frozenset({"Pool", "ProcessPoolExecutor", "ThreadPoolExecutor"})
_SESSIONS = frozenset({"Session", "ClientSession", "AsyncClient", "Client"})
#: Ways to take a value out of a graph of tensors.
_OUT_OF_THE_GRAPH = (".item()", ".detach()", "float(", ".numpy()", ".tolist()", ".data")
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def take_modules_out(case: Case, setting: Setting) -> Recommendation | None:
    """Modules that are loaded under a new name in every turn: the import system keeps each."""
    if not is_leak(case) or case.growth is None or case.growth.path != "sys.modules":
        return None
    found, used = insertion(case), case.usage
    code = f"sys.modules.pop(name, None)  # once the {setting.unit} that loaded it is done"
    return recommend(
        "forget-module",
        "take modules out of sys.modules again",
        f"Every {setting.unit} enters a module under a name of its own, and the import system keeps what it has "
        f"({numbers(case)}).",
        "Load it under one name, which replaces the last one, or take it out when it has been used.",
        code,
        case,
        setting,
        where=place(used.source, found.line) if found is not None and used is not None else None,
    )


def detach_tensors(case: Case, setting: Setting) -> Recommendation | None:
    """Tensors that are kept with the graph they were computed by."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or not tagged(case, "torch-grad") or found is None or used is None:
        return None
    if any(word in found.value for word in _OUT_OF_THE_GRAPH):
        return None
    name = name_in_code(case) or used.name
    line = used.source.bare(found.line)
    changed = with_replaced(line, found.value, f"{_wrapped(found.value)}.item()")
    code = f"{line}  # before\n{changed}  # after; or {_wrapped(found.value)}.detach() where the tensor is needed"
    why = f"{name} keeps tensors with their graph: each holds all it was computed from ({numbers(case)})."
    return recommend(
        "detach-tensors",
        "keep numbers, not tensors with a graph",
        why,
        "Take the value out of the graph before it is kept.",
        code,
        case,
        setting,
        where=place(used.source, found.line),
    )


def _wrapped(value: str) -> str:
    return value if value.replace(".", "").replace("_", "").isalnum() else f"({value})"


def close_figures(case: Case, setting: Setting) -> Recommendation | None:
    """pyplot keeps every figure until it is closed; a list of the program's own keeps it even then."""
    if not is_leak(case) or not tagged(case, "figure"):
        return None
    where, name = None, ""
    for source, node in _calls(setting, "figure", "subplots", "subplot_mosaic"):
        where = place(source, node)
        target = source.parents.get(node)
        if isinstance(target, ast.Assign):
            first = target.targets[0]
            first = first.elts[0] if isinstance(first, ast.Tuple) and first.elts else first
            name = first.id if isinstance(first, ast.Name) else name
        break
    saved = next((source.text(node) for source, node in _calls(setting, "savefig")), None)
    code = (f"{saved}\n" if saved else "") + f"plt.close({name})  # new: after its last use"
    why = f"pyplot holds every figure until it is closed ({numbers(case)})."
    found, used = insertion(case), case.usage
    if found is not None and used is not None and "Gcf" not in (case.growth.path if case.growth else ""):
        holder = name_in_code(case) or used.name
        code += f"\n# and not: {used.source.bare(found.line)}"
        why = f"{holder} keeps every figure, with all it shows, and pyplot does until it is closed ({numbers(case)})."
    return recommend(
        "close-figures",
        "close each figure when it is saved",
        why,
        "Save it, close it at the end of the turn, and keep the name of the file instead of the figure.",
        code,
        case,
        setting,
        where=where,
    )


def keep_text_of_exceptions(case: Case, setting: Setting) -> Recommendation | None:
    """A kept exception keeps its traceback, every frame on it and their locals."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or found is None or used is None:
        return None
    if "exc_info()" in found.value or "__traceback__" in found.value:
        return _text_instead(case, setting, found, used, found.value, "traceback.format_exc()")
    handler = next((step for step in used.source.around(found.node, ast.ExceptHandler)), None)
    caught = handler.name if isinstance(handler, ast.ExceptHandler) else None
    if caught is None or not any(
        isinstance(inner, ast.Name) and inner.id == caught for inner in ast.walk(found.node)
    ):
        return None
    if any(word in found.value for word in ("str(", "repr(", "format_exc")):
        return None
    return _text_instead(case, setting, found, used, caught, f"str({caught})")


def _text_instead(
    case: Case, setting: Setting, found: Insert, used: Usage, kept: str, text: str
) -> Recommendation:
    line = used.source.bare(found.line)
    other = "" if "format_exc" in text else "; or traceback.format_exc()"
    code = f"{line}  # before\n{with_replaced(line, kept, text)}  # after{other}"
    why = f"Each kept exception holds its traceback and all locals of the frames it passed ({numbers(case)})."
    return recommend(
        "keep-exception-text",
        "keep the text of exceptions, not the exceptions",
        why,
        "Store what they say.",
        code,
        case,
        setting,
        where=place(used.source, found.line),
    )


def join_threads(case: Case, setting: Setting) -> Recommendation | None:
    """Threads that are started in a loop and do not end."""
    if not is_leak(case) or (case.finding.kind != "thread-growth" and not tagged(case, "thread")):
        return None
    source, node = next(iter(_calls(setting, "Thread", "Timer", "ThreadPoolExecutor")), (None, None))
    if node is None and case.finding.kind != "thread-growth":
        return None  # threads of a library's: what made them is what is to be changed
    pooled = node is not None and "Pool" in ast.unparse(node.func)
    made = source.text(node) if source is not None and node is not None else "threading.Thread(...)"
    if pooled:
        code = f"with {made} as pool:  # once, around the loop: it ends its threads\n    pool.submit(...)"
        sentence = "Make the pool once, in a with statement around the loop."
    else:
        code = (
            f"{made}  # before\n"
            "with ThreadPoolExecutor(max_workers=4) as pool:  # after: once, around the loop\n    pool.submit(...)"
        )
        sentence = "Signal each thread to stop and join() it at the end of the turn, or use a pool."
    why = f"Every {setting.unit} starts a thread that does not end, with its locals ({numbers(case)})."
    return recommend(
        "end-threads",
        "let threads end, or reuse a few",
        why,
        sentence,
        code,
        case,
        setting,
        where=place(source, node) if source is not None and node is not None else None,
        saves=False,
    )


def one_session_for_the_run(case: Case, setting: Setting) -> Recommendation | None:
    """A session or client, with its connections, is made in every turn and not closed."""
    held = case.growth.contents if case.growth is not None else []
    keeps = any(kind.rpartition(".")[2] in _SESSIONS for kind, _, _ in held)
    if not is_leak(case) or not (case.finding.kind == "handle-growth" or keeps):
        return None
    repeated = repeated_in(setting.sources, setting.loop.file, setting.loop.line)
    for source, node in _calls(setting, *_SESSIONS):
        if (
            isinstance(source.parents.get(node), ast.withitem)
            or repeated is None
            or not repeated.runs(source, node)
        ):
            continue
        made = source.text(node)
        code = (
            f"{source.bare(node.lineno)}  # before: in every {setting.unit}\n"
            f"with {made} as session:  # after: once, around the loop"
        )
        return recommend(
            "one-session",
            "make one session for the whole run",
            f"Line {node.lineno} makes another session in every {setting.unit}; its connections and pools stay "
            f"until it is closed ({numbers(case)}).",
            "Make it once and hand it to what needs it; or close it at the end of each turn.",
            code,
            case,
            setting,
            where=place(source, node),
            saves=False,
        )
    return None


def finish_tasks(case: Case, setting: Setting) -> Recommendation | None:
    """asyncio tasks that are kept after they are done, or never finish."""
    if not is_leak(case) or not tagged(case, "coroutine"):
        return None
    where = next(
        (place(source, node) for source, node in _calls(setting, "create_task", "ensure_future")), None
    )
    name = name_in_code(case) or "tasks"
    code = f"{name}.add(task)\ntask.add_done_callback({name}.discard)"
    why = f"{name} keeps tasks that are done or wait for ever ({numbers(case)})."
    return recommend(
        "finish-tasks",
        "let tasks go when they are done",
        why,
        "Drop each task when it is done, and await or cancel those that are not.",
        code,
        case,
        setting,
        where=where,
    )


def close_generators(case: Case, setting: Setting) -> Recommendation | None:
    """Generators that were started and not finished keep their locals."""
    found, used = insertion(case), case.usage
    if not is_leak(case) or not tagged(case, "generator") or found is None or used is None:
        return None
    name = name_in_code(case) or used.name
    why = f"{name} keeps generators that stand still in the middle, with all their locals ({numbers(case)})."
    return recommend(
        "close-generators",
        "close generators that are not finished",
        why,
        "Run them to the end or close them, and do not keep them.",
        f"generator.close()  # before it is dropped; keep its values, not it: {used.source.bare(found.line)}",
        case,
        setting,
        where=place(used.source, found.line),
    )


def one_pool_for_the_run(case: Case, setting: Setting) -> Recommendation | None:
    """A pool of workers that is made inside the loop."""
    if case.finding.kind != "process-growth":
        return None
    for source, node in _calls(setting, *_POOLS):
        if not source.around(node, *_LOOPS) or isinstance(source.parents.get(node), ast.withitem):
            continue
        code = (
            f"{source.bare(node.lineno)}  # before: in every {setting.unit}\n"
            f"with {source.text(node)} as pool:  # after: once, around the loop\n    {loop_header(setting)}"
        )
        why = f"Line {node.lineno} makes another pool in every {setting.unit}; its workers stay alive."
        return recommend(
            "one-pool",
            "make one pool for the whole run",
            why,
            "Make it before the loop.",
            code,
            case,
            setting,
            where=place(source, node),
            saves=False,
        )
    return None


def _calls(setting: Setting, *names: str) -> list[tuple[Source, ast.Call]]:
    """Calls of these functions or methods in the followed files, those inside loops first."""
    found: list[tuple[bool, int, Source, ast.Call]] = []
    for source in setting.sources:
        for node in source.nodes:
            if isinstance(node, ast.Call):
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                if name in names:
                    found.append((not source.around(node, *_LOOPS), len(found), source, node))
    return [(source, node) for _, _, source, node in sorted(found, key=lambda one: one[:2])]
