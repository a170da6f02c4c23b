"""Follows the workers of a pool: the loop, of whatever library, in which a forked worker takes its tasks.

A child that `multiprocessing` has just forked is about to run one function, its target. When that function has a
loop, it is compiled once more with its loops followed, and an agent of the child's own writes into a directory of
its own below the run's. Nothing else is followed there. What cannot be done leaves the child as it was.
"""

from __future__ import annotations

import functools
import os
import sys
import types
from pathlib import Path
from typing import Any

from leakhunt.capture.rewrite import rewrite
from leakhunt.capture.turns import Follower

#: Workers that are followed in a run: a program that makes ever new ones has many.
_MOST = 16
_FRAMES = 12
FOLDER = "workers"
#: What was asked for is asked of the program itself; a worker is looked into as far as that is cheap.
_NOT_IN_WORKERS = ("every_iteration", "allocations", "native", "primary", "loop")


def follow_worker(config: dict[str, Any]) -> None:
    """Follow this process, if it is a worker that was just forked; called in every forked child."""
    try:
        target = _target()
        if target is None:
            return
        folder = Path(config["run_dir"]) / FOLDER / str(os.getpid())
        if folder.parent.exists() and len(os.listdir(folder.parent)) >= _MOST:
            return
        # The listener comes when there is a loop to listen to: most functions have none.
        follower = Follower(None)  # type: ignore[arg-type]
        code = _with_followed_loops(target, follower)
        if code is None:
            return
        folder.mkdir(mode=0o700, parents=True)
        (folder / "checkpoints").mkdir(mode=0o700)
        follower.listener = _agent({**config, "run_dir": str(folder)}, target, follower)
        target.__code__ = code
    except Exception:
        pass


def _agent(config: dict[str, Any], target: types.FunctionType, follower: Follower) -> Any:
    from leakhunt.capture.agent import start

    options = dict(config.get("options") or {})
    for name in _NOT_IN_WORKERS:
        options.pop(name, None)
    agent = start({**config, "options": options, "target": f"{target.__module__}.{target.__qualname__}"})
    agent.windows.plan.memray = False
    agent.follower = follower
    os.register_at_fork(after_in_child=follower.stop)
    return agent


def _target() -> types.FunctionType | None:
    """Return the function that this child will run; None when multiprocessing did not make it."""
    frame: types.FrameType | None = sys._getframe(1)
    for _ in range(_FRAMES):
        if frame is None:
            return None
        code = frame.f_code
        if code.co_name == "_launch" and "process_obj" in code.co_varnames:
            target = getattr(frame.f_locals.get("process_obj"), "_target", None)
            while type(target) is functools.partial:
                target = target.func
            target = target.__func__ if type(target) is types.MethodType else target
            return target if type(target) is types.FunctionType else None
        frame = frame.f_back
    return None


def _with_followed_loops(function: types.FunctionType, follower: Follower) -> types.CodeType | None:
    """Return the function's code with its loops followed; None without loops or when its source is another."""
    code = function.__code__
    with open(code.co_filename, "rb") as file:
        source = file.read()
    plain = compile(source, code.co_filename, "exec", dont_inherit=True)
    followed = rewrite(source, code.co_filename, follower.new_site, plain)
    if followed is None or followed is plain:
        return None
    now, before = _same_function(followed, code), _same_function(plain, code)
    if now is None or before is None or now.co_code == before.co_code:
        return None
    # As a library compiled it, or as we did when it was imported: else the file is not what runs here.
    if code.co_code not in (before.co_code, now.co_code) or now.co_freevars != code.co_freevars:
        return None
    return now


def _same_function(module: types.CodeType, wanted: types.CodeType) -> types.CodeType | None:
    waiting = [module]
    while waiting:
        code = waiting.pop()
        if (code.co_name, code.co_firstlineno) == (wanted.co_name, wanted.co_firstlineno):
            return code
        waiting += [each for each in code.co_consts if type(each) is types.CodeType]
    return None
