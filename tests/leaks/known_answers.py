"""What each program of the known-answer suite must be told: the table, and how answers are compared.

Programs are tests/leaks/programs/leak_<name>.py and their clean twins clean_<name>.py; those of
tests/leaks/held_out are never looked at while the tool is being built. Nothing here runs anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LENGTHS = (20, 40)
CONTAINER = ("growing-container", "growing-type", "array-accumulation")
NATIVE = ("native-growth", "unexplained-growth")
TENSORS = ("tensor-accumulation",)
RATE_TOLERANCE = 0.25
#: Right on a machine that has a processor for it; undecided where dozens of programs want the same one.
STARVED = "too few censuses or readings came back in time"


@dataclass(frozen=True)
class Leak:
    """One leaking program. `owner` is the path as a person would write it, without the module;
    `also` are other ways to write it, or other holders that are as true. `owner` is None where no Python
    object of the program holds it. `bytes_per_iteration` is the true rate, from the program's text.
    `from_turn`: before that turn nothing leaks. `needs` are packages that it cannot run without.
    `heavy`: takes gigabytes, so that only the slow tests and `make accuracy` run it.
    `short`: what falls short of the true answer so far: the name, or with `undecided` the verdict, and
    nothing else; `twin_short`: why its clean twin stays undecided. `make accuracy` counts them like any other."""

    name: str
    owner: str | None
    bytes_per_iteration: int | None = 20_100
    kinds: tuple[str, ...] = CONTAINER
    also: tuple[str, ...] = ()
    from_turn: int = 0
    needs: tuple[str, ...] = ()
    held_out: bool = False
    heavy: bool = False
    short: str | None = None
    undecided: bool = False
    twin_short: str | None = None

    @property
    def program(self) -> Path:
        return folder(self.held_out) / f"leak_{self.name}.py"


@dataclass(frozen=True)
class Clean:
    """One clean program; `cannot_tell` where nobody could say it at any length that is run.
    `says`: the kinds of which one must explain its growth after forty turns."""

    name: str
    cannot_tell: bool = False
    says: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    held_out: bool = False
    heavy: bool = False
    short: str | None = None
    undecided: bool = False

    @property
    def program(self) -> Path:
        return folder(self.held_out) / f"clean_{self.name}.py"


LEAKS = (
    Leak("list_append", "main() local rows"),
    Leak("dict_by_id", "PAGES"),
    Leak("dict_of_text", "main() local labels", 27_000),
    Leak("tuple_rebinding", "main() local history"),
    Leak("text_rebinding", "main() local log", 20_800, (*CONTAINER, "unexplained-growth")),
    Leak("array_concatenated", "main() local samples", 20_000, needs=("numpy",)),
    Leak("frame_concatenated", "main() local table", 20_000, needs=("pandas",)),
    Leak("bytearray_extended", "main() local capture", 20_000),
    Leak("set_of_seen", "SEEN", 29_000),
    Leak("deque_unbounded", "main() local window"),
    Leak("default_dict_of_lists", "main() local by_sensor", 20_200),
    Leak(
        "nested_attribute_key", "service.state['requests']", also=("local service.state", "state['requests']")
    ),
    Leak("class_attribute", "Experiment.every", 20_400),
    Leak("global_of_another_module", "answers.RECORDED"),
    Leak(
        "mutable_default",
        "default argument blocks of collect",
        also=("blocks of collect", "collect() default"),
    ),
    Leak("closure_variable", "closure variable seen"),
    Leak("lru_cache_unbounded", "cache of load", 20_300),
    Leak("lru_cache_on_method", "cache of Document.checksum", 20_500),
    Leak("suspended_generators", "main() local readers", 20_400),
    Leak(
        "pending_tasks", "main() local deliveries", 21_500, also=("acknowledged._waiters", "_scheduled_tasks")
    ),
    Leak("thread_local", "LOCAL.trail", also=("LOCAL",)),
    Leak("threads_never_ending", None, None, ("thread-growth",), also=("listen()",)),
    Leak("logging_handlers", "log.handlers", 20_600, also=("handlers",)),
    Leak("exceptions_kept", "FAILURES", 20_800),
    Leak("cycles_without_collector", None, 20_300, ("reference-cycle",)),
    Leak("instance_attributes", "RESULTS"),
    Leak("linked_list", "main() local newest"),
    Leak("arrays_in_results", "main() local results", 20_400, needs=("numpy",)),
    Leak("while_queue", "main() local waiting", also=("waiting.queue",)),
    Leak("listeners", "BUS.listeners", 20_300),
    Leak("two_owners", "main() local in_order", also=("BY_NUMBER",)),
    Leak("one_turn_in_three", "main() local kept"),
    Leak("leak_beside_flush", "main() local index"),
    Leak("small_in_big_heap", "RECENT"),
    Leak("inner_function_fills", "main() local context", 20_300),
    Leak("module_level_loop", "outcomes"),
    Leak("open_files", "FILES", None, ("handle-growth", *CONTAINER)),
    Leak("from_turn_fifteen", "main() local kept", from_turn=15),
    Leak("atexit_callbacks", None, 20_200, (*CONTAINER, *NATIVE)),
    Leak("signal_handlers_chained", None, 20_500, (*CONTAINER, *NATIVE)),
    Leak("interned_kept", "NAMES"),
    Leak("cycle_with_finalizer", "POOL"),
    Leak("sockets_kept", "CONNECTIONS", None, ("handle-growth", *CONTAINER)),
    Leak("file_maps", "main() local tiles", 204_800, (*CONTAINER, "handle-growth", "native-growth")),
    Leak(
        "pools_per_turn",
        "POOLS",
        None,
        ("process-growth", "thread-growth", "handle-growth", *CONTAINER),
    ),
    Leak("workers_that_grow", "DRAWN", 400_000, ("process-growth",)),
    Leak("modules_registered", "sys.modules", 20_500),
    Leak("maps_kept", "main() local areas", 20_480, (*CONTAINER, "native-growth")),
    Leak("children_kept", "HELPERS", None, ("process-growth", *CONTAINER)),
    Leak("library_registry", "wiretap._SPANS", 20_300),
    Leak("addresses_of_c", None, 20_000, NATIVE),
    Leak("frozen_each_turn", "main() local samples", 20_200),
    Leak(
        "two_gigabytes",
        "main() local notes",
        50_100,
        heavy=True,
        undecided=True,
        short=STARVED,
        twin_short=STARVED,
    ),
    Leak("torch_total_of_losses", "main() local total", 400_500, TENSORS, needs=("torch",)),
    Leak("torch_list_of_losses", "main() local losses", 400_500, TENSORS, needs=("torch",)),
    Leak("torch_retained_graph", "main() local state", 400_500, TENSORS, needs=("torch",)),
    # Held out: judged by `make accuracy HELD_OUT=1` only.
    Leak("context_variable", "TRAIL", held_out=True),
    Leak("finalizers", "finalize._registry", 20_500, held_out=True),
    Leak("classes_made", "MODELS", 21_300, held_out=True),
    Leak("figures", "Gcf.figs", None, needs=("matplotlib",), held_out=True),
    Leak("typed_array", "main() local readings", 20_000, held_out=True),
    Leak("byte_stream", "main() local stream", 20_000, held_out=True),
    Leak("chain_of_exceptions", "main() local last", 20_600, held_out=True),
    Leak("warnings_remembered", "__warningregistry__", 20_300, held_out=True),
    Leak("partial_callbacks", "Scheduler.callbacks", 20_300, held_out=True),
    Leak("ordered_dict_subclass", "CACHE", held_out=True),
    Leak("unanswered_futures", "client.pending", 20_400, also=("pending",), held_out=True),
    Leak("array_of_objects", "main() local table", needs=("numpy",), held_out=True),
    Leak("priority_queue", "search.frontier", also=("frontier",), held_out=True),
    Leak("memory_from_c", None, 20_000, ("native-growth", "unexplained-growth"), held_out=True),
    Leak("weakref_callbacks", "WATCHERS", 20_300, held_out=True),
    Leak("temporary_files", "main() local drafts", None, ("handle-growth", *CONTAINER), held_out=True),
    Leak(
        "shared_memory",
        "main() local blocks",
        204_800,
        (*CONTAINER, "handle-growth", "native-growth"),
        held_out=True,
    ),
    Leak("library_client", "client._unacknowledged", also=("main() local client",), held_out=True),
    Leak("block_of_c_extended", None, 20_000, NATIVE, held_out=True),
    Leak(
        "torch_hooks",
        "model._forward_hooks",
        401_500,
        (*TENSORS, *CONTAINER),
        also=("main() local model",),
        needs=("torch",),
        held_out=True,
    ),
    Leak("torch_loader_workers", None, 400_000, ("process-growth",), needs=("torch",), held_out=True),
    Leak("memo_in_slots", "planner.memo", also=("memo",), held_out=True),
    Leak("lagging_tee", "main() local behind", 24_200, held_out=True),
    Leak(
        "exit_stack_open",
        "main() local stack",
        20_700,
        also=("stack._exit_callbacks", "_exit_callbacks"),
        held_out=True,
    ),
    Leak("memory_log_handler", "HANDLER.buffer", 20_700, also=("buffer",), held_out=True),
    Leak("timers_far_ahead", "loop._scheduled", 20_400, also=("_scheduled",), held_out=True),
    Leak("small_views", "main() local heads", 20_200, needs=("numpy",), held_out=True),
    Leak("sqlite_in_memory", None, 22_000, NATIVE, held_out=True),
    Leak("compressors_of_peers", "gateway.compressors", None, (*CONTAINER, *NATIVE), held_out=True),
)

CLEAN_ONLY = (
    Clean("pure_compute"),
    Clean("churn"),
    Clean("small_cache_fills"),
    Clean("bounded_keys"),
    Clean("flush_every_ten"),
    Clean("last_result", needs=("numpy",)),
    Clean("cleared_at_half"),
    Clean("imports_while_warming_up"),
    Clean("late_import"),
    Clean("weak_values"),
    Clean("cycles_collected_late"),
    Clean("table_resized_once"),
    Clean("buffers_of_random_size"),
    Clean("array_temporaries", needs=("numpy",)),
    Clean("preallocated_list"),
    Clean("metrics_list"),
    Clean("waits_only"),
    Clean("frozen_collector"),
    Clean("collector_called"),
    Clean("cache_filled_exactly", cannot_tell=True),
    Clean("free_lists"),
    Clean("fragmented_malloc", says=("fragmentation",)),
    Clean("fragmented_arenas", says=("fragmentation",)),
    Clean("double_buffer", held_out=True),
    Clean("chunks_of_rising_size", held_out=True),
    Clean("pool_of_connections", held_out=True),
    Clean("batches_of_changing_size", needs=("numpy",), held_out=True),
    Clean("strings_interned_once", held_out=True),
    Clean("threads_joined", held_out=True),
)
CLEANS = (
    *(
        Clean(
            leak.name,
            needs=leak.needs,
            held_out=leak.held_out,
            heavy=leak.heavy,
            short=leak.twin_short,
            undecided=leak.twin_short is not None,
        )
        for leak in LEAKS
    ),
    *CLEAN_ONLY,
)

#: The pairs that the fast tests run: one for each way of holding that is read differently.
QUICK = ("list_append", "dict_by_id", "array_concatenated", "nested_attribute_key", "closure_variable",
         "lru_cache_unbounded", "class_attribute", "leak_beside_flush")  # fmt: skip


def folder(held_out: bool) -> Path:
    return HERE / ("held_out" if held_out else "programs")


def cases(*, held_out: bool) -> list[Leak | Clean]:
    return [case for case in (*LEAKS, *CLEANS) if case.held_out == held_out]


def lines_that_grow(program: Path) -> set[tuple[str, int]]:
    """Return (file name, line) of every line marked `# grows`, in the program and in what it imports."""
    return _marked(program, "grows")


def lines_that_allocate(program: Path) -> set[tuple[str, int]]:
    """Return (file name, line) of every line marked `# allocates`; without any, the lines that grow."""
    return _marked(program, "allocates") or _marked(program, "grows")


def _marked(program: Path, word: str) -> set[tuple[str, int]]:
    return {
        (file.name, number)
        for file in (program, *_imported(program))
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if word in line.rpartition("  # ")[2].split(", ")
    }


def _imported(program: Path) -> list[Path]:
    """Return the modules beside the program, or installed beside it, that it imports."""
    names = re.findall(r"^import (\w+)$", program.read_text(), re.MULTILINE)
    places = [program.with_name(f"{name}.py") for name in names]
    places += [program.with_name("site-packages") / f"{name}.py" for name in names]
    return [place for place in places if place.exists()]


def allowed_verdicts(case: Leak | Clean, n: int) -> set[str]:
    """Return the verdicts that are right for `n` iterations of the program."""
    if isinstance(case, Clean):
        if case.cannot_tell:
            return {"cannot-tell"}
        return {"no-leak"} if n >= 40 else {"no-leak", "cannot-tell"}
    if n <= case.from_turn:
        return {"no-leak", "cannot-tell"}
    return {"leak"} if n >= 40 else {"leak", "cannot-tell"}


def names_owner(case: Leak, path: str | None) -> bool:
    """Is `path` the case's owner? It may have the module before it and what holds it after it."""
    if path is None:
        return False
    wanted = [name for name in (case.owner, *case.also) if name is not None]
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", path) for name in wanted)


def suspects(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings that speak of growth which is, or may be, a leak; worst first."""
    return [finding for finding in report["findings"] if finding["verdict"] in ("leak", "cannot-tell")]


def owner_path(finding: dict[str, Any]) -> str | None:
    owner = finding.get("owner")
    return None if owner is None else owner["path"]


def insertion_lines(finding: dict[str, Any]) -> set[tuple[str, int]]:
    """Return (file name, line) of the lines that are said to make the holder grow.

    What nobody holds has no such line: then the lines that allocate it stand for it."""
    inserting = {_place(site) for site in finding["sites"] if site.get("role") != "allocation"}
    return inserting if inserting or owner_path(finding) else allocation_lines(finding)


def allocation_lines(finding: dict[str, Any]) -> set[tuple[str, int]]:
    return {_place(site) for site in finding["sites"] if site.get("role") == "allocation"}


def _place(site: dict[str, Any]) -> tuple[str, int]:
    return Path(site["file"]).name, site["line"]


def explains(case: Clean, report: dict[str, Any]) -> bool:
    """Does the report give the growth that is no leak the kind that it has?"""
    return not case.says or any(finding["kind"] in case.says for finding in report["findings"])


def rate_error(case: Leak, finding: dict[str, Any]) -> float | None:
    """Return the error of the reported rate as a share of the true one; None where either is unknown."""
    reported = finding["bytes_per_iteration"]
    if reported is None or case.bytes_per_iteration is None:
        return None
    return float(reported) / case.bytes_per_iteration - 1.0
