"""Runs one target as `leakhunt profile` does, display and all, but with a word for a report.

`relayed.py HOME TARGET ...`; the agent is left out, so that only the terminal is tested.
"""

from __future__ import annotations

import sys
from pathlib import Path

from supervised import plain_command

from leakhunt import api
from leakhunt.cli.live import LiveWatcher
from leakhunt.guard import supervise
from leakhunt.guard.relay import open_relay
from leakhunt.guard.target import ProfileOptions
from leakhunt.report.live import LiveDisplay


def main(arguments: list[str]) -> int:
    supervise.command_of = plain_command
    api.load_ahead = lambda **_: None  # the report's needs are none of the display's
    home, target, *rest = arguments
    relay = open_relay()
    options = ProfileOptions(target=target, arguments=tuple(rest), home=Path(home))
    watcher = LiveWatcher(LiveDisplay(below=relay, every=0.5), "target.py")
    _, end = api.profile(options, watcher, relay)
    print("THE REPORT", "with rich" if "rich" in sys.modules else "without rich", file=sys.stderr)
    return end.shell_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
