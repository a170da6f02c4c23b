"""The options that set what a program must keep to, for every verb that runs one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from leakhunt.errors import LeakhuntError
from leakhunt.guard.policy import Bounds, HardLimitMode
from leakhunt.protect.headroom import HeadroomReader
from leakhunt.units import format_bytes, parse_bytes, parse_seconds

Command = TypeVar("Command", bound=Callable[..., Any])
#: What `--brake` without a size stands for.
BRAKE_DEFAULT = "default"


class Quantity(click.ParamType):  # type: ignore[type-arg]  # generic in new versions only
    """A size or a duration with its unit."""

    def __init__(self, name: str, parse: Callable[[str], float]) -> None:
        self.name = name
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            found = self.parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if found <= 0:
            self.fail(f"{value} is not more than nothing", param, ctx)
        return found


class _BrakeSize(Quantity):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == BRAKE_DEFAULT else super().convert(value, param, ctx)


SIZE, DURATION = Quantity("size", parse_bytes), Quantity("duration", parse_seconds)


class OwnOptionsFirst(click.Command):
    """A command whose own options come first; `--brake` may stand there with or without `=SIZE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        front, rest = self.own(args)
        if rest and rest[0].startswith("-m"):
            length = 2 if rest[0] == "-m" else 1
            rest = [*rest[:length], "--", *rest[length:]]  # what follows is the module's own
        return super().parse_args(ctx, [*front, *rest])

    def own(self, args: list[str]) -> tuple[list[str], list[str]]:
        """Split off the leading arguments that are options of this command (-m is part of the target)."""
        takes_value = {
            name: not option.is_flag
            for option in self.params
            if isinstance(option, click.Option)
            for name in option.opts
            if name != "-m"
        }
        takes_value["--help"] = takes_value["--brake"] = False
        at = 0
        while at < len(args):
            name, _, value = args[at].partition("=")
            if name not in takes_value:
                break
            at += 2 if takes_value[name] and not value else 1
        front = [f"--brake={BRAKE_DEFAULT}" if one == "--brake" else one for one in args[:at]]
        return front, args[at:]


def bounds_options(command: Command) -> Command:
    """Add --max-rss, --min-available, --max-age, --grace, --brake and --hard-limit."""
    options = [
        click.option("--max-rss", type=SIZE, help="Most memory that it and its children may have."),
        click.option("--min-available", type=SIZE, help="Least memory that the machine must have left."),
        click.option("--max-age", type=DURATION, help="End it when it is this old."),
        click.option(
            "--grace", type=DURATION, default="120s", show_default=True, help="Time to end after being asked to."
        ),
        click.option(
            "--brake", type=_BrakeSize("size", parse_bytes), metavar="[=SIZE]",
            help="Brake at the turns of its loops when less is left; by default the more of 2 GiB and 8 %.",
        ),
        click.option(
            "--hard-limit", type=click.Choice(get_args(HardLimitMode)), default="auto", show_default=True,
            help="What the kernel holds, a quarter above the most memory it may have.",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def check_bounds(bounds: Bounds, brake: int | str | None) -> None:
    """Raise LeakhuntError when no program could keep to these here, or they contradict each other."""
    if bounds.hard_limit in ("cgroup", "rlimit") and bounds.max_rss is None:
        raise click.UsageError(f"--hard-limit {bounds.hard_limit} is 1.25 times --max-rss: give that too")
    total = HeadroomReader().read().total
    if total is None:
        return
    sizes = [("--max-rss", bounds.max_rss), ("--min-available", bounds.min_available)]
    sizes.append(("--brake", brake if isinstance(brake, int) else None))
    for name, size in sizes:
        if size is not None and size > total:
            raise LeakhuntError(
                f"{name} {format_bytes(size)} is more than there is here ({format_bytes(total)}): lower it",
                slug="bounds-impossible",
            )
    if (
        bounds.max_rss is not None
        and bounds.min_available is not None
        and bounds.max_rss + bounds.min_available > total
    ):
        raise LeakhuntError(
            f"--max-rss {format_bytes(bounds.max_rss)} and --min-available {format_bytes(bounds.min_available)} "
            f"are together more than there is here ({format_bytes(total)}): lower one",
            slug="bounds-impossible",
        )
