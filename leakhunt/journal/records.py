"""Every record that a run can write, as an ordered list of field names per kind.

A journal line is `<crc32, 8 hex digits> <JSON array>\\n` and the array is
`[kind, seq, boot, wall, *fields]`: positional, so that a sample stays near 150 bytes.
`boot` is seconds on the boot clock (orders events, counts suspend), `wall` is Unix seconds
or null on the frequent kinds (a reader interpolates it from the neighbours that have it).

This module does not read, write or judge anything.
"""

from __future__ import annotations

FORMAT = 1

#: Fields of every kind, in order. New fields are only ever appended; a reader fills what an
#: older journal lacks with None. Sizes are bytes, durations seconds, unknown is None.
# fmt: off
FIELDS: dict[str, tuple[str, ...]] = {
    # ---- both writers -----------------------------------------------------------------
    # writer: "supervisor" or "agent"; clock_offset = wall - boot at that instant
    "header": ("format", "leakhunt", "writer", "pid", "ppid", "python", "executable", "argv", "cwd",
               "target", "platform", "boot_id", "capabilities", "options"),
    # what was not seen, and what to do about it
    "loss": ("slug", "what", "count"),
    # anything worth telling in the story that has no kind of its own
    "event": ("name", "detail"),
    # ---- a program that protects itself (`work-<pid>.jsonl`, one per process) ---------------
    # memory was short before `unit`. how: given-back (collecting was enough) | braked | yielded (the
    # process ends with 75). available, needed: bytes; times: brakes in a row; gained: bytes that
    # collecting and trimming gave back
    "brake": ("unit", "how", "available", "needed", "times", "gained"),
    # a unit of work was saved for good. key: as the ledger writes it
    "unit": ("ledger", "key"),
    # a sign of life: it got to `unit`
    "beat": ("unit",),
    # a pool of workers began. max_in_flight: None when the memory decides; max_resident: bytes of a worker
    "pool": ("backend", "workers", "max_in_flight", "target_memory", "tasks_per_worker", "max_resident"),
    # its window (units in flight) changed, or nothing more was admitted (no-room). why: room | no-room |
    # over-target | worker-died | brake; used, total: bytes
    "pool-window": ("window", "why", "used", "total"),
    # a worker was replaced. why: tasks | resident | yielded | exit; units: that it did; resident: bytes
    "recycle": ("pid", "why", "units", "resident"),
    # a unit is begun again: its worker died, or it met the brake. times: of that so far
    "retry": ("unit", "times", "cause"),
    # a unit was given up. causes: one text per death
    "quarantine": ("unit", "causes"),
    # written before a worker is ended in the midst of a unit. why: time | size | memory; bytes
    "pool-intent": ("pid", "unit", "why", "what", "resident", "available"),
    # ---- agent ------------------------------------------------------------------------
    # one per loop in the source, when it is first followed. id: "<file>:<line>:<function>".
    # loop_kind: for | while | async-for | comprehension | call
    "loop": ("id", "file", "line", "function", "variables", "loop_kind", "parent"),
    # one time that a loop is entered (slow loops only). instance: serial number, unique per process
    # main: whether that is the main thread
    "enter": ("instance", "loop", "parent_instance", "total", "thread", "main"),
    # a boundary: `completed` turns of `instance` are done. `values` are the loop variables of the
    # turn that begins now (same order as the loop's variables; scalars as such, the rest as text),
    # None after the last turn. Gauges that were not read at this boundary are None.
    # gc: [collections of the oldest generation, objects collected, uncollectable] so far
    # native: [bytes in use from malloc incl. mmapped, bytes free in malloc's arenas]
    # gpu: [bytes allocated, bytes reserved] over all devices, as torch counts them
    # mapped: size of the address space. cpu: processor seconds of the thread so far
    # processes: children of the main thread that were not waited for
    "sample": ("instance", "completed", "values", "rss_anon", "rss_file", "rss_shmem", "blocks",
               "native", "gc", "fds", "threads", "gpu", "mapped", "cpu", "processes"),
    # how: exhausted | left (break, return, exception)
    "leave": ("instance", "completed", "how"),
    # a census of the heap was started at this boundary; `turns` are completed turns of `loop`
    # summed over all its instances; result in `file` (relative to the run directory) once its
    # process ended. how: fork | inline. pause: seconds that the target stood still. in_use: bytes from malloc
    "checkpoint": ("number", "loop", "instance", "turns", "file", "how", "pause", "pid", "in_use"),
    # the line that made a suspect grow, seen during one polled iteration. path: census path key
    "insertion": ("path", "file", "line", "function", "stack", "items", "turns", "via"),
    # an allocation window was closed: memray recorded `loop` from the first to the last of `marks`
    # ([completed turns, Unix seconds] per boundary). closed: turns | time | size | left | end
    "window": ("number", "loop", "file", "python_allocators", "native", "marks", "closed", "seconds", "bytes",
               # reason: asked | growing | audit; source: memray | tracemalloc; seconds that it cost
               "reason", "source", "cost"),
    # what of the gauges is leakhunt's own from here on: memray and what it holds (same units as in a sample)
    "own": ("rss_anon", "rss_file", "rss_shmem", "blocks", "native", "fds", "threads", "mapped"),
    # what the process holds besides its heap, by name (digits as *) and as [count, bytes, resident]:
    # maps: mappings; segments: own files in /dev/shm. descriptors, threads: name -> count; threads that
    # Python does not know are under "". collector: [enabled, threshold, frozen objects]
    "surroundings": ("loop", "turns", "maps", "segments", "descriptors", "threads", "collector", "seconds"),
    # malloc was asked to give its free memory back to the system. where: boundary | end;
    # resident, in_use, free: [before, after]
    "probe": ("loop", "turns", "where", "resident", "in_use", "free", "seconds"),
    # one turn of `loop` was metered line by line. meter: malloc | mapped | descriptors | threads | segments;
    # places: [file, line, function, net change, stack], largest change first; net: of the whole turn
    "bracket": ("loop", "turns", "meter", "places", "net", "via", "complete"),
    # the target's own end as seen from inside. how: completed | exception | system-exit
    "end": ("how", "exit_code", "exception", "cost_seconds", "cost_bytes", "longest_pause"),
    # ---- supervisor -------------------------------------------------------------------
    # memory limit in force: source: "cgroup" | "host" | "rlimit"
    "limits": ("memory_total", "memory_available", "limit", "source"),
    # copy: which of several copies of a guarded program, from 1
    "start": ("pid", "argv", "copy"),
    # tree: summed resident set of target and its descendants; main: the target's own
    "tree": ("tree_rss", "main_rss", "processes", "available"),
    # role: main | spawn-pool-worker | fork-child | subprocess ; gone when alive is False
    "process": ("pid", "ppid", "role", "command", "alive", "peak_rss"),
    "signal": ("number", "name", "forwarded"),
    # ---- supervisor of a guarded run, which may start its program several times ------------
    # what the run must keep to; None is no bound
    "bounds": ("max_rss", "min_available", "max_age", "stale_after", "grace", "restarts",
               "hung_after", "copies"),
    # the limit that the kernel holds for this attempt. what: cgroup-v1 | cgroup-v2 | rlimit | none;
    # size: bytes for all processes together (rlimit: for each); why: what kept a better one away
    "hard-limit": ("what", "size", "path", "why", "oom_score_adj", "copy"),
    # the attempt is over: what its control group counted. peak: bytes, page cache included;
    # hits: how often the limit was met
    "hard-limit-end": ("oom_kills", "peak", "hits", "copy"),
    # written before the program is told to go: a death without it was not the guard's doing.
    # why: max-rss | min-available | max-age | stale | hung ; what: the measurement in words
    "intent": ("why", "what", "pid", "copy"),
    # the program did not go: it was killed. why: grace (its time was over) | floor (memory ran out)
    "kill": ("why", "pids", "copy"),
    # another attempt begins after `wait` seconds; `units` were saved in the last one
    "restart": ("attempt", "why", "wait", "units", "copy"),
    # no other attempt: why in words
    "circuit": ("why", "copy"),
    # processes that a dead attempt, or a dead supervisor, left behind were killed
    "orphans": ("pids",),
    "exit": ("exit_code", "signal", "oom_kills", "peak_rss", "seconds", "copy"),
    # ---- what the supervisor saw of an attempt, for whoever asks why it died -----------------
    # moment: start | end. pids: the program's ids in every PID namespace that has one, as it is known;
    # comm: its name, 15 bytes; groups: paths of its memory control groups. counters: [source, group, own,
    # before, after, seconds between] of kills for memory, read shortly before the death and after it;
    # kernel_lines: [boot clock, line] about kills since the start; boot: when these were read
    "witness": ("moment", "pids", "pids_are_global", "comm", "groups", "group_is_own", "counters",
                "kernel_read", "kernel_lines", "boot", "copy"),
    # a file that was written meanwhile, as found at the end of a program that failed or was killed.
    # modified: Unix seconds; rows: of a CSV; role: data | log; complete: nothing was left out of the search
    "file": ("path", "bytes", "modified", "rows", "role", "complete"),
}
# fmt: on

#: Kinds frequent enough to go without a wall clock and to be thinned in long runs.
FREQUENT = frozenset({"sample", "tree"})
