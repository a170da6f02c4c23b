"""`leakhunt run`: run a program within bounds, and start it again when it has to go."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from leakhunt.cli.bounds import DURATION, OwnOptionsFirst, bounds_options, check_bounds
from leakhunt.cli.options import home_option, say
from leakhunt.errors import EXIT_REFUSED, LeakhuntError
from leakhunt.findings.concerns import worst_first
from leakhunt.guard.alone import Order, become_supervisor, order_of
from leakhunt.guard.environment import guarded_environment
from leakhunt.guard.policy import Bounds, HardLimitMode
from leakhunt.guard.preflight import Plan, preflight
from leakhunt.guard.target import ProfileOptions, braked_command, find_target
from leakhunt.guard.thread_probe import threads_of_libraries
from leakhunt.journal.rundir import create_run, find_run
from leakhunt.machine import Machine, read_machine
from leakhunt.protect.notes import RUN_VARIABLE
from leakhunt.units import format_bytes, format_seconds

#: Not safe now, but perhaps in a moment.
_MAY_PASS = frozenset({"floor-reached"})


@click.command("run", cls=OwnOptionsFirst, context_settings={"allow_interspersed_args": False})
@click.option("-m", "module", metavar="MODULE", help="Run a module, as `python -m` does.")
@click.option("--python", metavar="PYTHON", default=sys.executable, help="The interpreter that runs it.")
@bounds_options
@click.option("--stale-after", type=DURATION, help="Start it afresh when it saved no unit for so long.")
@click.option("--hung-after", type=DURATION, help="Start it afresh when it gave no sign of life for so long.")
@click.option(
    "--restarts", type=click.IntRange(0), default=5, show_default=True,
    help="Attempts in a row that may save nothing.",
)  # fmt: skip
@click.option("--copies", type=click.IntRange(1), default=1, help="Run so many copies of it at once.")
@click.option("--workers", type=click.IntRange(1), help="How many processes compute at once: caps threads.")
@click.option("--no-preflight", is_flag=True, help="Start although it is not safe.")
@click.option("--resume", metavar="RUN", help="Go on with a run whose supervisor is gone.")
@home_option
@click.argument("target", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    target: str | None,
    arguments: tuple[str, ...],
    module: str | None,
    python: str,
    max_rss: int | None,
    min_available: int | None,
    max_age: float | None,
    grace: float,
    brake: int | str | None,
    hard_limit: HardLimitMode,
    stale_after: float | None,
    hung_after: float | None,
    restarts: int,
    copies: int,
    workers: int | None,
    no_preflight: bool,
    resume: str | None,
    home: Path,
) -> None:
    """Run TARGET (script.py, or -m module) and end it before the machine has to.

    It is asked to end with SIGTERM, killed after its grace, and started again; with a
    `leakhunt.Ledger` it goes on where it was. Its output and exit code are its own. Exit code 78
    means that another attempt is no use.
    """
    if resume is not None:
        _resume(resume, home, target or module)
        return
    bounds = Bounds(max_rss, min_available, max_age, stale_after, grace, restarts, hung_after, hard_limit)
    check_bounds(bounds, brake)
    if module is not None:
        arguments = arguments if target is None else (target, *arguments)
        command, label = [python, "-m", module, *arguments], module
    elif target is None:
        raise click.UsageError("what is to be run? give script.py or -m module")
    else:
        if not os.path.isfile(target):
            raise LeakhuntError(f"no such script: {target}", slug="target-missing")
        command, label = [python, target, *arguments], Path(target).stem
    if workers is None and copies > 1:
        workers = copies
    machine = read_machine(home)
    _, added = guarded_environment(os.environ, home, workers=workers, processors=machine.processors)
    found = _preflight(machine, bounds, workers, python, added, force=no_preflight)
    directory = create_run(home, label)
    added[RUN_VARIABLE] = str(directory.path)
    if brake is not None:
        name = module or target or ""
        options = ProfileOptions(name, arguments, module is not None, python, extra={"brake": brake})
        command, more = braked_command(find_target(options), options, directory)
        added.update(more)
    _say_what_holds(bounds, added)
    words = [*(("-m", module) if module is not None else (str(target),)), *arguments]
    Order(label, words, command, added, bounds, copies, found).save(directory)
    become_supervisor(directory)


def _resume(reference: str, home: Path, target: str | None) -> None:
    if target is not None:
        raise click.UsageError("--resume goes on with what the run was: leave out the target")
    directory = find_run(home, None if reference == "last" else reference)
    order = order_of(directory)
    say(f"going on with {directory.id}: {shlex.join(order.words)}")
    become_supervisor(directory)


def _preflight(
    machine: Machine, bounds: Bounds, workers: int | None, python: str, added: dict[str, str], *, force: bool
) -> dict[str, Any]:
    """Say what may go wrong and return it for the journal. Raises LeakhuntError when it is not safe to start."""
    environment = {**os.environ, **added}
    plan = Plan(bounds.max_rss, bounds.min_available, workers)
    concerns = worst_first(preflight(machine, plan, None, environment))
    for one in concerns:
        if one.severity != "note":
            say(f"{one.severity}: {one.what} ({one.figure}): {one.do}")
    refused = [one for one in concerns if one.severity == "unsafe" and one.slug not in _MAY_PASS]
    if refused and not force:
        raise LeakhuntError(
            f"not started: {refused[0].what} ({refused[0].figure}): {refused[0].do}, "
            "or start it anyway with --no-preflight",
            slug="preflight-unsafe",
            exit_code=EXIT_REFUSED,
        )
    asked = added.get("OMP_NUM_THREADS")
    threads = threads_of_libraries(python, environment) if asked is not None else None
    for library, count in threads or ():
        if asked is not None and count > int(asked):
            say(
                f"risky: {library} will use {count} threads and not {asked}: see what sets it in your environment"
            )
    return {
        "memory": machine.capacity, "free": machine.room, "swap": machine.swap_total,
        "processors": machine.processors, "overcommit": machine.overcommit, "kernel_log": machine.kernel_log,
        "pressure": machine.pressure is not None, "disk": machine.run_storage.free,
        "file_system": machine.run_storage.kind, "shared_memory": machine.shared_memory.total,
        "environment": added, "threads": threads, "concerns": [one.slug for one in concerns],
    }  # fmt: skip


def _say_what_holds(bounds: Bounds, added: dict[str, str]) -> None:
    held = [
        f"at most {format_bytes(bounds.max_rss)} resident" if bounds.max_rss else "",
        f"at least {format_bytes(bounds.min_available)} left" if bounds.min_available else "",
        f"afresh every {format_seconds(bounds.max_age)}" if bounds.max_age else "",
        f"a unit every {format_seconds(bounds.stale_after)}" if bounds.stale_after else "",
        f"a sign of life every {format_seconds(bounds.hung_after)}" if bounds.hung_after else "",
    ]
    threads = added.get("OMP_NUM_THREADS")
    held.append(f"{threads} threads per process" if threads else "")
    what = ", ".join(filter(None, held)) or "no bounds given: restarted only when it is killed or yields"
    say(f"guarded: {what}")
