"""Advice about what grows beside the Python heap: cycles, gaps, native code, maps, segments, files, GPU."""

from __future__ import annotations

import ast

from leakhunt.analysis.advised import Setting, is_leak, numbers, place, recommend
from leakhunt.analysis.cases import Case
from leakhunt.analysis.cycles import collector_call, collector_off
from leakhunt.analysis.source import Source
from leakhunt.findings.diagnosis import Recommendation, Site, Where

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_OPENING = ("open", "fdopen", "socket", "socketpair", "create_connection", "create_server", "NamedTemporaryFile",
            "mkstemp", "connect", "Popen", "epoll", "eventfd_create", "pipe", "dup")  # fmt: skip
#: What gives back a plain descriptor number, which no `with` closes.
_NUMBERS = frozenset({"mkstemp", "pipe", "dup", "eventfd_create"})


def let_the_collector_run(case: Case, setting: Setting) -> Recommendation | None:
    """Cycles that pile up because the collector is off, waits for ever, or is kept from seeing them."""
    if not is_leak(case) or case.finding.kind != "reference-cycle":
        return None
    frozen, off = collector_call(setting.run, "freeze"), collector_off(setting.run)
    if frozen is not None and any("gc.freeze()" in said for said in case.finding.evidence):
        return recommend(
            "freeze-once",
            "freeze once, before the loop",
            f"What is frozen is never collected, and it is frozen again and again ({numbers(case)}).",
            "Freeze what lives for good once, when the program has started.",
            f"gc.collect()\ngc.freeze()  # before the loop, not in every {setting.unit}",
            case,
            setting,
            where=Where(*frozen),
        )
    if off is not None:
        return recommend(
            "enable-collector",
            "let the collector run",
            f"The collector does not run, so cycles of objects are never freed ({numbers(case)}).",
            "Do not turn it off for the whole run, or collect at the end of each turn.",
            f"gc.collect()  # at the end of each {setting.unit}; or remove this line",
            case,
            setting,
            where=Where(*off),
        )
    return recommend(
        "break-cycle",
        "break the cycle",
        f"Objects that refer to each other are not freed ({numbers(case)}).",
        "Let one of the two references be weak.",
        "self.parent = weakref.proxy(parent)",
        case,
        setting,
    )


def trim_fragments(case: Case, setting: Setting) -> Recommendation | None:
    """Free gaps between live blocks: fewer arenas leave fewer of them."""
    if case.finding.kind != "fragmentation":
        return None
    why = "The process holds free memory between blocks that are in use; the program itself does not leak."
    proof = next((said for said in case.finding.evidence if said.startswith("malloc_trim")), None)
    code = (
        f"MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072 python {setting.run.target}\n"
        "# or now and then in the program:\n"
        "ctypes.CDLL(None).malloc_trim(0)\n"
        "# or an allocator that keeps fewer gaps:\n"
        f"LD_PRELOAD=libjemalloc.so.2 python {setting.run.target}"
    )
    return recommend(
        "fewer-arenas",
        "let malloc keep fewer free gaps",
        f"{why} {proof}" if proof else why,
        "Only if the memory is needed elsewhere: fewer malloc arenas, a trim, or another allocator.",
        code,
        case,
        setting,
        saves=False,
    )


def close_handles(case: Case, setting: Setting) -> Recommendation | None:
    """Files or sockets that are opened in a loop and not closed: at the line seen opening them, if any."""
    held = case.growth.contents if case.growth is not None else []
    keeps_files = any(kind.startswith(("_io.", "socket.", "tempfile.")) for kind, _, _ in held)
    if not is_leak(case) or not (case.finding.kind == "handle-growth" or keeps_files):
        return None
    seen = {(site.file, site.line) for site in case.finding.sites if site.role == "allocation"}
    calls = [(s, node) for s, node in _calls(setting) if not isinstance(s.parents.get(node), ast.withitem)]
    calls = [one for one in calls if (one[0].path, one[1].lineno) in seen] or calls
    if not calls:
        return None
    source, node = calls[0]
    text, name = source.text(node), _called(node)
    if name in _NUMBERS or text.startswith("os.open("):
        sentence, code = (
            "Close the number when it is done with.",
            f"number = {text}\ntry:\n    ...\nfinally:\n    os.close(number)",
        )
    elif name == "socketpair":
        sentence, code = (
            "Use them in a with statement.",
            f"ours, theirs = {text}\nwith ours, theirs:\n    ...",
        )
    else:
        sentence, code = "Use it in a with statement.", f"with {text} as handle:\n    ..."
    return recommend(
        "close-handles",
        "close what is opened in the loop",
        f"Line {node.lineno} opens another one each {setting.unit} and it stays open ({numbers(case)}).",
        sentence,
        code,
        case,
        setting,
        where=place(source, node),
        saves=False,
    )


def unlink_segments(case: Case, setting: Setting) -> Recommendation | None:
    """Shared memory that stays in the machine's memory after the program."""
    if case.layer != "segments" or case.finding.verdict == "no-leak":
        return None
    code = (
        "try:\n    ...\nfinally:\n    segment.close()\n    segment.unlink()  # once nobody needs it\n"
        "# or let a manager do both:\n"
        "with multiprocessing.managers.SharedMemoryManager() as manager:\n"
        "    segment = manager.SharedMemory(size)"
    )
    return recommend(
        "unlink-shared-memory",
        "unlink shared memory segments",
        f"close() only lets go of the mapping; the segment stays in /dev/shm ({numbers(case)}).",
        "Unlink each segment when it is done with, also when something fails.",
        code,
        case,
        setting,
        where=_seen_at(case),
        saves=False,
    )


def unmap(case: Case, setting: Setting) -> Recommendation | None:
    """Mappings that are made in every turn and kept."""
    if not is_leak(case) or case.layer not in ("files", "mapped", "shared"):
        return None
    code = (
        "with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as area:\n    ...  # unmapped at the end"
    )
    if case.layer == "shared":
        code = "with mmap.mmap(-1, size) as area:\n    ...  # unmapped at the end"
    elif case.layer == "mapped" and case.growth is None:
        code = "munmap(address, size)  # the library's own close or free, where it has one"
    return recommend(
        "unmap-when-done",
        "unmap what is mapped in the loop",
        f"Another mapping is made each {setting.unit} and kept ({numbers(case)}).",
        "Close each mapping when it has been read; slices of it that are kept keep it open.",
        code,
        case,
        setting,
        where=_seen_at(case),
    )


def isolate_native_code(case: Case, setting: Setting) -> Recommendation | None:
    """Memory that a library keeps: free it, upgrade the library, or let a process that is replaced do the work."""
    if not is_leak(case) or case.finding.kind != "native-growth" or case.layer != "malloc":
        return None
    site = next((site for site in case.finding.sites if site.role == "allocation"), None)
    call = site.code if site is not None and site.code else "work(item)"
    code = (
        'context = multiprocessing.get_context("spawn")\n'
        "with context.Pool(1, maxtasksperchild=50) as pool:  # a fresh process every 50 tasks\n"
        "    for result in pool.imap(work, items):  # work() holds the call that leaks\n"
        "        ..."
    )
    return recommend(
        "isolate-native",
        "free it, upgrade the library, or isolate it",
        f"`{call}` takes memory from malloc that nothing gives back ({numbers(case)}).",
        "Call the library's close or free if it has one; look for a newer release; as a last resort let a "
        "process do the work that is replaced every so often.",
        code,
        case,
        setting,
        where=_seen_at(case),
    )


def keep_off_the_gpu(case: Case, setting: Setting) -> Recommendation | None:
    """Tensors that are held on the GPU."""
    if not is_leak(case) or case.finding.kind != "gpu-growth":
        return None
    return recommend(
        "keep-off-the-gpu",
        "keep results off the GPU",
        f"Tensors of every {setting.unit} stay on the device ({numbers(case)}).",
        "Keep numbers or copies in main memory, and drop the last batch before the next is made.",
        "losses.append(loss.item())  # a number\nresults.append(output.detach().cpu())  # no graph, off the device",
        case,
        setting,
        saves=False,
    )


def _seen_at(case: Case) -> Where | None:
    site: Site | None = next(iter(case.finding.sites), None)
    return Where(site.file, site.line) if site is not None else None


def _calls(setting: Setting) -> list[tuple[Source, ast.Call]]:
    """Calls in the followed files that open something, those inside loops first."""
    found = [
        (source, node)
        for source in setting.sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and _called(node) in _OPENING
    ]
    return sorted(found, key=lambda one: not one[0].around(one[1], *_LOOPS))


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
