"""What is to be run and followed: the options and arguments that `profile` and `check` share."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from leakhunt import api
from leakhunt.cli.bounds import OwnOptionsFirst
from leakhunt.cli.options import say
from leakhunt.guard.limits import Limits
from leakhunt.guard.policy import Bounds
from leakhunt.guard.target import ProfileOptions
from leakhunt.guard.tree import TreeReading
from leakhunt.journal.rundir import RunDirectory


@dataclass(frozen=True, slots=True)
class Asked:
    """The target as the command line names it. `primary` is FILE:LINE of the loop to judge."""

    target: str
    arguments: tuple[str, ...]
    module: bool
    python: str | None
    primary: str | None
    follow: tuple[str, ...]
    iterations: int | None

    @property
    def name(self) -> str:
        """The target and its arguments as they would be typed."""
        return shlex.join((*(("-m",) if self.module else ()), self.target, *self.arguments))

    def options(
        self, home: Path, bounds: Bounds, brake: int | str | None, extra: dict[str, Any]
    ) -> ProfileOptions:
        """Return how it is to be profiled; `extra` goes to the agent."""
        return ProfileOptions(
            target=self.target, arguments=self.arguments, module=self.module, python=self.python,
            virtual_env=os.environ.get("VIRTUAL_ENV"), primary=self.primary, follow=self.follow,
            iterations=self.iterations, home=home, bounds=bounds,
            extra={**extra, **({"brake": brake} if brake is not None else {})},
        )  # fmt: skip


def target_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add -m, --python, --loop, --follow, --iterations, TARGET and ARGUMENTS; `command` gets them as `asked`."""

    @functools.wraps(command)
    def with_target(
        *,
        target: str | None,
        arguments: tuple[str, ...],
        module: str | None,
        python: str | None,
        primary: str | None,
        follow: tuple[str, ...],
        iterations: int | None,
        **rest: Any,
    ) -> int:
        if module is not None:
            arguments = arguments if target is None else (target, *arguments)
            target = module
        if target is None:
            raise click.UsageError("what is to be run? give script.py, -m module or package.module:function")
        asked = Asked(target, arguments, module is not None, python, primary, follow, iterations)
        return command(asked=asked, **rest)

    added = [
        click.option("-m", "module", metavar="MODULE", help="Run a module, as `python -m` does."),
        click.option("--python", metavar="PYTHON", help="The interpreter that runs the target."),
        click.option(
            "--loop", "primary", metavar="FILE:LINE", help="Judge this loop instead of the one found."
        ),
        click.option("--follow", multiple=True, metavar="GLOB", help="Follow loops in these files too."),
        click.option(
            "--iterations", type=click.IntRange(1), help="How often to call package.module:function."
        ),
        click.argument("target", required=False),
        click.argument("arguments", nargs=-1, type=click.UNPROCESSED),
    ]
    for one in reversed(added):
        with_target = one(with_target)
    return with_target


class TargetThenArguments(OwnOptionsFirst):
    """A command whose options may also stand right behind its target; the rest is the target's own.

    `profile script.py --json F --alpha 3 --json X` takes the first --json; `--` behind the target ends it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        front, rest = self.own(args)
        if not rest or rest[0] == "--":
            return click.Command.parse_args(self, ctx, [*front, *rest])
        length = 2 if rest[0] == "-m" else 1
        target, (behind, rest) = rest[:length], self.own(rest[length:])
        if rest[:1] == ["--"]:
            rest = rest[1:]
        ctx.meta["behind"] = behind
        if target[0].startswith("-m"):
            return click.Command.parse_args(self, ctx, [*front, *behind, *target, "--", *rest])
        return click.Command.parse_args(self, ctx, [*front, *behind, "--", *target, *rest])


class Quiet:
    """A watcher that says nothing, or only what a person must know."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def started(self, pid: int, run: RunDirectory) -> None:
        api.load_ahead(quiet=self.quiet, running=True)

    def sampled(self, reading: TreeReading, limits: Limits | None) -> None:
        pass

    def notice(self, text: str) -> None:
        if not self.quiet:
            say(text)

    def ended(self) -> None:
        api.load_ahead(quiet=self.quiet)
