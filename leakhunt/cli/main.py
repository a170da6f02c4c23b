"""The `leakhunt` command: the list of its verbs, and the one place where errors become a line and a code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from leakhunt._version import __version__
from leakhunt.errors import LeakhuntError

EPILOG = """\b
Exit codes: profile ends with the target's own code, 128+N when signal N ended it;
2 is a mistake in the command line or a target that cannot be run;
run ends with 78 when another attempt is no use, doctor when it is not safe to start."""


#: In the order in which `--help` lists them; each is a file of this room.
VERBS = (
    "profile", "run", "plan", "check", "compare", "doctor", "install-unit", "report", "timeline", "diff", "explain",
    "dump", "runs",
)  # fmt: skip


class Verbs(click.Group):
    """Loads the verb that is asked for and no other: the target waits for what is imported before it starts."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb of that name; None when there is none."""
        if cmd_name not in VERBS:
            return None
        file = cmd_name.replace("-", "_")
        found: click.Command = getattr(importlib.import_module(f"leakhunt.cli.{file}"), file)
        return found


@click.group(cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leakhunt")
def commands() -> None:
    """Find what grows in a long Python run: what, who holds it, which line, and what to change."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    try:
        code = commands.main(args=arguments, prog_name="leakhunt", standalone_mode=False)
    except LeakhuntError as error:
        _say(f"leakhunt: {error}")
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("leakhunt: interrupted")
        code = 130
    except BrokenPipeError:  # `leakhunt dump | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code if isinstance(code, int) else 0)


def _say(line: str) -> None:
    click.echo(line.replace("\n", " "), err=True)
