"""Runs one target under the supervisor and analyses nothing: `supervised.py [--plain] HOME TARGET ...`.

--plain leaves the agent out: the supervisor's own behaviour is then tested by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from leakhunt import api
from leakhunt.cli.target import Quiet
from leakhunt.errors import LeakhuntError
from leakhunt.guard import supervise
from leakhunt.guard.target import ProfileOptions, Target


def plain_command(target: Target) -> list[str]:
    return [target.python, target.name, *target.arguments]


def main(arguments: list[str]) -> int:
    if arguments[0] == "--plain":
        supervise.command_of = plain_command
        arguments = arguments[1:]
    home, target, *rest = arguments
    options = ProfileOptions(target=target, arguments=tuple(rest), home=Path(home))
    try:
        _, end = api.profile(options, Quiet(quiet=False))
    except LeakhuntError as error:
        print(f"leakhunt: {error}", file=sys.stderr)
        return error.exit_code
    return end.shell_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
