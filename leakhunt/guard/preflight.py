"""Holds a plan against a machine: what would go wrong, before it does. Pure: from facts to concerns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from leakhunt.findings.concerns import Concern
from leakhunt.guard.environment import THREAD_VARIABLES
from leakhunt.guard.hard_limit import InForce
from leakhunt.journal.rundir import ROOM_NEEDED
from leakhunt.machine import Machine
from leakhunt.units import format_bytes

#: Left for the system and for page cache when a plan is made.
_RESERVE, _RESERVE_SHARE = 2 * 2**30, 0.125
#: With less than this left nothing should be started; in a small container so large a share of it is enough.
_LEAST_ROOM, _ENOUGH_SHARE = 300_000_000, 0.1
#: All programs stood still for memory for this much of the last 10 s; some did.
_FULL_STOP, _SOME_STOP = 10.0, 25.0
_LITTLE_DISK = 1_000_000_000
_LITTLE_SHARED = 128_000_000
_FEW_FILES = 1_000
_OVER_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "lustre", "gpfs", "beegfs", "9p", "ceph", "afs")


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody means to run; None is not said. Sizes in bytes."""

    max_rss: int | None = None
    min_available: int | None = None
    workers: int | None = None
    memory_per_worker: int | None = None


def preflight(
    machine: Machine, plan: Plan, hard: InForce | None, environment: Mapping[str, str]
) -> list[Concern]:
    """Return everything about the machine and the plan that a person should know, in no order.

    `hard` is the hard limit that could be had, None when nobody tried.
    """
    return [
        *_memory(machine),
        *_plan(machine, plan),
        *_limits(machine, plan),
        *_kernel(machine),
        *_storage(machine, plan),
        *_processors(machine, plan, environment),
        *_protection(plan, hard),
    ]


def facts_in_words(machine: Machine, hard: InForce) -> str:
    """Return the machine in one line."""
    pressure = machine.pressure
    parts = [
        f"{format_bytes(machine.room)} of {format_bytes(machine.capacity)} memory free",
        f"swap {format_bytes(machine.swap_total)}",
        f"{machine.processors or 'unknown'} processors",
        f"hard limits by {hard.kind}",
        "pressure unknown" if pressure is None else f"pressure {pressure.some:.0f} %",
        f"disk {format_bytes(machine.run_storage.free)} free ({machine.run_storage.kind or 'unknown'})",
        f"/dev/shm {format_bytes(machine.shared_memory.total)}",
        f"kernel log {'readable' if machine.kernel_log else 'closed'}",
    ]
    return " · ".join(parts)


def reserve_of(machine: Machine) -> int:
    """Return the bytes that a plan should leave alone."""
    return min(_RESERVE, int((machine.capacity or _RESERVE) * _RESERVE_SHARE))


def _memory(machine: Machine) -> Iterator[Concern]:
    room, capacity = machine.room, machine.capacity
    if room is not None and room < min(_LEAST_ROOM, _ENOUGH_SHARE * (capacity or 0)):
        yield Concern(
            "memory-short", "unsafe", "almost no memory is left",
            f"{format_bytes(room)} of {format_bytes(capacity)}",
            "end what holds it (`ps --sort=-rss aux | head`), then start",
        )  # fmt: skip
    group = machine.limiting_group
    if group is not None and machine.memory_total is not None:
        yield Concern(
            "container-limit", "note", "a control group allows less than the machine has",
            f"{format_bytes(group.limit)} of {format_bytes(machine.memory_total)} ({group.path})",
            f"plan with {format_bytes(group.limit)}: `free` and psutil show the machine's memory",
        )  # fmt: skip
    pressure = machine.pressure
    if pressure is not None and (pressure.full > _FULL_STOP or pressure.some > _SOME_STOP):
        yield Concern(
            "memory-pressure", "risky",
            "programs stand still waiting for memory",
            f"some {pressure.some:.0f} %, all {pressure.full:.0f} % of the last 10 s",
            "wait until /proc/pressure/memory has calmed down, or end what causes it",
        )  # fmt: skip
    if machine.swap_total == 0:
        yield Concern(
            "no-swap", "note", "there is no swap", "0 B",
            "nothing to do; memory that runs out runs out at once, so set --max-rss",
        )  # fmt: skip
    elif (
        machine.swap_total and machine.swap_free is not None and machine.swap_free < 0.1 * machine.swap_total
    ):
        yield Concern(
            "swap-full", "risky", "swap is nearly full",
            f"{format_bytes(machine.swap_free)} of {format_bytes(machine.swap_total)} free",
            "find out what was swapped out (`smem -s swap`) before more is",
        )  # fmt: skip


def _plan(machine: Machine, plan: Plan) -> Iterator[Concern]:
    room, capacity, reserve = machine.room, machine.capacity, reserve_of(machine)
    if plan.max_rss is not None and capacity is not None and plan.max_rss > capacity:
        yield Concern(
            "bound-impossible", "unsafe", "--max-rss is more than there is here",
            f"{format_bytes(plan.max_rss)} of {format_bytes(capacity)}",
            f"give at most --max-rss {_megabytes(max(0, capacity - reserve))}",
        )  # fmt: skip
    elif plan.max_rss is not None and room is not None and plan.max_rss > room:
        yield Concern(
            "bound-not-free", "risky", "--max-rss is more than is free now",
            f"{format_bytes(plan.max_rss)} of {format_bytes(room)}",
            "end what holds the rest, or add --min-available so that it is ended in time",
        )  # fmt: skip
    if plan.min_available is not None and room is not None and plan.min_available > room:
        yield Concern(
            "floor-reached", "unsafe", "less than --min-available is left already",
            f"{format_bytes(room)} of {format_bytes(plan.min_available)}",
            "free memory first, or lower --min-available",
        )  # fmt: skip
    elif (
        plan.max_rss is not None
        and plan.min_available is not None
        and capacity is not None
        and plan.max_rss <= capacity < plan.max_rss + plan.min_available
    ):
        yield Concern(
            "bounds-contradict", "unsafe", "--max-rss and --min-available together are more than there is",
            f"{format_bytes(plan.max_rss + plan.min_available)} of {format_bytes(capacity)}",
            f"give at most --max-rss {_megabytes(max(0, capacity - plan.min_available))}",
        )  # fmt: skip
    if plan.workers is not None and plan.memory_per_worker is not None:
        yield from _workers(plan, plan.workers, plan.memory_per_worker, room, reserve)
    elif plan.workers is not None and room is not None:
        yield Concern(
            "share-per-worker", "note", f"what each of {plan.workers} workers may take",
            format_bytes(max(0, room - reserve) // plan.workers),
            "measure one unit in one worker, and hold 1.3 times its peak against this: --memory-per-worker",
        )  # fmt: skip


def _workers(plan: Plan, workers: int, each: int, room: int | None, reserve: int) -> Iterator[Concern]:
    needed = workers * each
    if room is not None and needed > room - reserve:
        fit = max(0, room - reserve) // each
        yield Concern(
            "workers-do-not-fit", "unsafe", f"{workers} workers do not fit",
            f"{workers} x {format_bytes(each)} = {format_bytes(needed)}; "
            f"{format_bytes(max(0, room - reserve))} to share out",
            f"start {fit} workers" if fit else "give each less to hold: not one fits",
            why=f"{format_bytes(reserve)} are left for the system and the parent.",
        )  # fmt: skip
    if plan.max_rss is not None and needed > plan.max_rss:
        yield Concern(
            "workers-over-bound", "unsafe", f"{workers} workers are more than --max-rss allows",
            f"{format_bytes(needed)} of {format_bytes(plan.max_rss)}",
            f"start {plan.max_rss // each} workers, or raise --max-rss",
        )  # fmt: skip


def _limits(machine: Machine, plan: Plan) -> Iterator[Concern]:
    wanted = plan.max_rss or (plan.workers or 1) * (plan.memory_per_worker or 0)
    for name, option in (("Max address space", "-v"), ("Max data size", "-d")):
        limit = machine.limits.get(name)
        if limit is not None and (machine.capacity is None or limit < machine.capacity):
            yield Concern(
                "resource-limit", "unsafe" if wanted and limit < wanted else "risky",
                f"a process may have only so much ({name.lower()})", format_bytes(limit),
                f"`ulimit {option} unlimited`, or plan with it: MemoryError comes there",
            )  # fmt: skip
    files = machine.limits.get("Max open files")
    if files is not None and files < _FEW_FILES:
        yield Concern(
            "few-files", "risky" if (plan.workers or 0) * 16 > files else "note", "few files may be open at once",
            str(files), "`ulimit -n 4096`",
        )  # fmt: skip
    for group in machine.groups:
        if group.kills_all:
            yield Concern(
                "kills-all", "risky", "when the kernel kills one process here, it kills all",
                f"memory.oom.group is 1 in {group.path}",
                "have something outside start it again (a restart policy), or set memory.oom.group to 0",
                why="The supervisor dies with the worker and can restart nothing.",
            )  # fmt: skip
            break


def _kernel(machine: Machine) -> Iterator[Concern]:
    if machine.overcommit == 2:
        left = machine.commit_left
        yield Concern(
            "strict-overcommit", "risky", "memory that is asked for counts, not memory that is used",
            f"vm.overcommit_memory is 2, {format_bytes(left)} left to promise",
            "expect MemoryError from a fork of a large process: start workers with spawn",
        )  # fmt: skip
    if machine.pressure is None:
        yield Concern(
            "no-pressure", "note", "the kernel does not say how long programs wait for memory",
            "no /proc/pressure/memory", "boot with psi=1 to have it; leakhunt goes by what is free",
        )  # fmt: skip
    if not machine.kernel_log:
        yield Concern(
            "no-kernel-log", "note", "the kernel's log cannot be read",
            "/dev/kmsg", "join group adm or set kernel.dmesg_restrict=0 to be told whom the kernel killed",
        )  # fmt: skip
    if not any(group.used is not None for group in machine.groups):
        yield Concern(
            "no-groups", "note", "no memory control group is to be seen here",
            "/proc/self/cgroup", "nothing to do; a death is then told from the machine's counters only",
        )  # fmt: skip
    if machine.oom_daemons:
        yield Concern(
            "oom-daemon", "note", "a program here kills for memory before the kernel does",
            ", ".join(machine.oom_daemons), "look into its log too when a run disappears",
        )  # fmt: skip
    if machine.libc is not None and machine.libc[0] == "musl":
        yield Concern(
            "musl", "note", "this C library cannot be told to give memory back", "musl",
            "expect resident memory to stay high after peaks; an image with glibc does better",
        )  # fmt: skip


def _storage(machine: Machine, plan: Plan) -> Iterator[Concern]:
    runs, shared = machine.run_storage, machine.shared_memory
    if runs.free is not None and runs.free < _LITTLE_DISK:
        yield Concern(
            "disk-short", "unsafe" if runs.free < ROOM_NEEDED else "risky", "little disk is left for results",
            f"{format_bytes(runs.free)} in {runs.path}", "free some, or put runs elsewhere with --home",
        )  # fmt: skip
    if runs.kind is not None and runs.kind.startswith(_OVER_NETWORK):
        yield Concern(
            "disk-remote", "risky", "runs and ledgers would lie on a network file system", runs.kind,
            "put them on a local disk (--home, and the path of the ledger): locks and order of writes hold there",
        )  # fmt: skip
    if runs.kind == "tmpfs":
        yield Concern(
            "disk-in-memory", "risky", "runs and ledgers would lie in memory", f"tmpfs at {runs.path}",
            "put them on a disk with --home: they take memory here, and are gone after a reboot",
        )  # fmt: skip
    if shared.total is not None and shared.total < _LITTLE_SHARED:
        yield Concern(
            "shared-memory-small", "risky" if plan.workers else "note", "/dev/shm is small",
            format_bytes(shared.total), "`docker run --shm-size=2g`: workers that share arrays die of SIGBUS here",
        )  # fmt: skip


def _processors(machine: Machine, plan: Plan, environment: Mapping[str, str]) -> Iterator[Concern]:
    usable, installed = machine.processors, machine.processors_installed
    capped = environment.get("OMP_NUM_THREADS")
    if usable is not None and installed is not None and usable < installed and not capped:
        yield Concern(
            "processor-quota", "risky", "numeric libraries start more threads than may run",
            f"{installed} threads for {usable} processors",
            f"`export OMP_NUM_THREADS={usable}`, or `leakhunt run --workers N`",
            why="They count the processors of the machine, not the quota of the control group.",
        )  # fmt: skip
    if plan.workers is None or usable is None:
        return
    if plan.workers > usable:
        yield Concern(
            "workers-over-processors", "risky", "more workers than processors",
            f"{plan.workers} on {usable}", f"start {usable}: each more takes memory and brings no speed",
        )  # fmt: skip
    if plan.workers > 1 and not any(name in environment for name in THREAD_VARIABLES):
        yield Concern(
            "threads-uncapped", "note", "threads per worker are not capped in this shell",
            f"{plan.workers} workers x {usable} threads",
            f"start with `leakhunt run --workers {plan.workers}`, which caps them",
        )  # fmt: skip


def _protection(plan: Plan, hard: InForce | None) -> Iterator[Concern]:
    if hard is None or hard.kind.startswith("cgroup"):
        return
    lead = "only RLIMIT_DATA" if hard.kind == "rlimit" else "nothing"
    yield Concern(
        "no-hard-limit", "risky" if plan.max_rss is not None and hard.kind == "none" else "note",
        f"{lead} would hold a program that outruns the supervisor", hard.why or hard.kind,
        "run as a service (`leakhunt install-unit`), or `systemd-run --user --scope -p Delegate=yes leakhunt run ...`",
    )  # fmt: skip


def _megabytes(size: int) -> str:
    return f"{size // 1_000_000}MB"
