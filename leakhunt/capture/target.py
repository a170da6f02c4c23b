"""Runs the target as `python script.py`, `python -m module` or a repeated function call would.

Leaves the interpreter as the target expects to find it: `__main__`, `sys.argv`, `sys.path[0]`, the way
an uncaught exception is shown and what the process then exits with. Judges nothing.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import SourceFileLoader
from contextlib import suppress
from functools import partial
from types import CodeType, TracebackType
from typing import Any

from leakhunt.capture.braking import Unheard, braked, loop_brake
from leakhunt.capture.hook import UserCode, follow_loops, forget_shadowed_modules, install
from leakhunt.capture.turns import Follower
from leakhunt.capture.workers import follow_worker
from leakhunt.errors import EXIT_YIELDED
from leakhunt.journal.position import PositionPage

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_IMPORTERS = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


def run(config: dict[str, Any], modules_before: frozenset[str]) -> None:
    """Run the target that `config` describes; returns, raises and exits as the target does."""
    mode, target, argv = config["mode"], config["target"], list(config.get("argv") or ())
    listener, follower = _start_following(config)
    _set_command_line(mode, target, argv)
    _set_first_path(mode, target)
    _clear_main()
    forget_shadowed_modules(modules_before, sys.path[0] if sys.path else "")
    how: str
    exit_code: int | None
    shown: str | None
    how, exit_code, shown = "completed", 0, None
    try:
        if mode == "script":
            _run_script(target, follower, listener)
        elif mode == "module":
            import runpy

            runpy._run_module_as_main(target)  # type: ignore[attr-defined]
        else:
            _run_function(target, int(config.get("iterations") or 1), follower)
    except SystemExit as leaving:
        how, exit_code = "system-exit", _exit_code(leaving.code)
        raise
    except BaseException as problem:
        if braked(problem):
            how, exit_code = "system-exit", EXIT_YIELDED
            raise SystemExit(EXIT_YIELDED) from None
        how, exit_code, shown = "exception", 1, type(problem).__name__
        if isinstance(problem, KeyboardInterrupt):
            exit_code = 130
        _show_without_our_frames()
        raise
    finally:
        with suppress(Exception):
            listener.finish(how, exit_code, shown)


def _start_following(config: dict[str, Any]) -> tuple[Any, Follower | None]:
    """Return the listener and the follower; without an agent the target runs unfollowed."""
    try:
        if config.get("listens", True):
            from leakhunt.capture.agent import start

            listener: Any = start(config)
        else:
            listener = Unheard()
    except Exception:
        return None, None
    position = None
    with suppress(OSError, ValueError):
        position = PositionPage(os.path.join(config["run_dir"], f"position-{os.getpid()}.bin"))
    follower = Follower(listener, position)
    follower.brake = loop_brake((config.get("options") or {}).get("brake"))
    with suppress(AttributeError):
        listener.follower = follower
    root = config.get("project_root") or os.getcwd()
    install(UserCode(root, config.get("follow") or (), config["package_dir"]), follower)
    if hasattr(os, "register_at_fork"):
        # The child of a fork shares the page and the journal: it must write into neither.
        os.register_at_fork(after_in_child=follower.stop)
        if config.get("listens", True):
            os.register_at_fork(after_in_child=partial(follow_worker, config))
    with suppress(AttributeError):
        listener.loaded(config.get("resident_before"))
    return listener, follower


# ---- what the target sees -----------------------------------------------------------------


def _set_command_line(mode: str, target: str, argv: list[str]) -> None:
    first = {"script": [target], "module": ["-m", target]}.get(mode, [target])
    original = list(sys.orig_argv)
    sys.argv = ["-m", *argv] if mode == "module" else [target, *argv]
    if len(original) > 1:
        sys.orig_argv = [*original[:-1], *first, *argv]


def _set_first_path(mode: str, target: str) -> None:
    if sys.flags.isolated or getattr(sys.flags, "safe_path", False):
        return
    folder = os.path.dirname(os.path.realpath(target)) if mode == "script" else os.getcwd()
    sys.path.insert(0, folder)


def _clear_main() -> None:
    """Make `__main__` what it is when Python starts to run a script."""
    main = sys.modules["__main__"].__dict__
    native: dict[str, Any] = {"__name__": "__main__"}
    native.update(dict.fromkeys(("__doc__", "__package__", "__loader__", "__spec__")))
    if "__annotations__" in main:
        native["__annotations__"] = {}
    native["__builtins__"] = main["__builtins__"]
    main.clear()
    main.update(native)


def _run_script(target: str, follower: Follower | None, listener: Any) -> None:
    path = os.path.join(os.getcwd(), target)
    main = sys.modules["__main__"].__dict__
    main["__file__"] = path
    main["__cached__"] = None
    main["__loader__"] = SourceFileLoader("__main__", path)
    with open(path, "rb") as file:
        source = file.read()
    if not _compiles_from_memory(source):
        with suppress(Exception):
            listener.finish("exception", 1, "SyntaxError")
        # Python takes such a file in another way than such bytes: have it say what it says.
        os.execv(sys.executable, sys.orig_argv)
    code = compile(source, path, "exec", dont_inherit=True)
    if follower is not None:
        code = _followed(source, code, follower)
    del source, file
    exec(code, main)


def _compiles_from_memory(source: bytes) -> bool:
    """Return whether `compile` takes these bytes as Python takes a file of them."""
    if b"\0" in source:
        return False
    if any(b"coding" in line for line in source.split(b"\n", 2)[:2]):
        return True
    try:
        source.decode()
    except UnicodeDecodeError:
        return False
    return True


def _followed(source: bytes, code: CodeType, follower: Follower) -> CodeType:
    try:
        return follow_loops(source, code, follower)
    except Exception:
        return code


def _run_function(target: str, iterations: int, follower: Follower | None) -> None:
    import importlib

    module_name, _, name = target.partition(":")
    function: Any = importlib.import_module(module_name)
    for part in name.split("."):
        function = getattr(function, part)
    calls: Any = iter(range(iterations))
    if follower is not None:
        code = function.__code__ if hasattr(function, "__code__") else None
        file = code.co_filename if code is not None else module_name
        line = code.co_firstlineno if code is not None else 1
        site = follower.new_site(file, line, getattr(function, "__qualname__", name), ["call"], "call")
        calls = site.f(calls)
    for _call in calls:
        function()


def _exit_code(code: Any) -> int:
    if code is None:
        return 0
    return code if type(code) is int else 1


# ---- how an uncaught exception is shown -----------------------------------------------------


def _show_without_our_frames() -> None:
    """Have the exception that leaves now shown, by whatever hook the target set, as plain Python would."""
    theirs = getattr(sys, "excepthook", None)
    if theirs is None:
        return

    def show(kind: type[BaseException], problem: BaseException, place: TracebackType | None) -> None:
        sys.excepthook = theirs
        place = _clean(problem, place)
        if hasattr(sys, "last_traceback"):
            sys.last_traceback = place
        try:
            theirs(kind, problem, place)
        except SystemExit:
            raise
        except BaseException as failure:
            failed = failure.__traceback__.tb_next if failure.__traceback__ is not None else None
            failure.__context__ = None if failure.__context__ is problem else failure.__context__
            print("Error in sys.excepthook:", file=sys.stderr)
            sys.__excepthook__(type(failure), failure.with_traceback(failed), failed)
            print("\nOriginal exception was:", file=sys.stderr)
            sys.__excepthook__(kind, problem, place)

    sys.excepthook = show


def _clean(problem: BaseException, place: TracebackType | None) -> TracebackType | None:
    """Take our frames out of the traceback of `problem` and of what it came from."""
    first = _without_ours(place, leading=True)
    problem.__traceback__ = first
    seen = {id(problem)}
    waiting = [problem.__context__, problem.__cause__]
    while waiting:
        other = waiting.pop()
        if other is None or id(other) in seen:
            continue
        seen.add(id(other))
        other.__traceback__ = _without_ours(other.__traceback__, leading=False)
        waiting += [other.__context__, other.__cause__]
    return first


def _without_ours(place: TracebackType | None, *, leading: bool) -> TracebackType | None:
    while place is not None:
        file = place.tb_frame.f_code.co_filename
        if not file.startswith(_OURS) and not (leading and file in _IMPORTERS):
            break
        place = place.tb_next
    first = place
    while place is not None:
        following = place.tb_next
        while following is not None and following.tb_frame.f_code.co_filename.startswith(_OURS):
            following = following.tb_next
        place.tb_next = following
        place = following
    return first
