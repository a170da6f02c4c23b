"""Writes the systemd user unit that keeps a supervisor running: what to start, how to restart, what to protect.

The supervisor watches the program; systemd watches the supervisor, also after a reboot.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from leakhunt.errors import LeakhuntError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.\\-]*")
#: What a name may not end with: it becomes NAME.service by itself.
_ENDINGS = (".service", ".timer", ".socket", ".target", ".mount", ".slice", ".scope")

#: The supervisor needs this long beside the program's grace.
_STOP_MARGIN = 30.0

_UNIT = """\
# {name}, written by `leakhunt install-unit`.
[Unit]
Description=leakhunt: {what}
StartLimitIntervalSec=1h
StartLimitBurst=10
{alert}
[Service]
Type=notify
NotifyAccess=main
WorkingDirectory={directory}
ExecStart={command}
# The supervisor says from its main loop that it is alive.
WatchdogSec=60
Restart=always
RestartSec=5
RestartSteps=6
RestartMaxDelaySec=5min
# 75: wants to be started afresh. 0: done. 78: another attempt is no use.
RestartForceExitStatus=75
RestartPreventExitStatus=0 78
# A worker that the kernel kills must not take the supervisor along; the supervisor goes last.
OOMPolicy=continue
OOMScoreAdjust=-500
MemoryMin=64M
# A control group of its own: hard limits are set below it.
Delegate=yes
KillMode=mixed
TimeoutStopSec={stop_seconds}
MemoryPressureWatch=on
Environment=PYTHONFAULTHANDLER=1

[Install]
WantedBy=default.target
"""


def unit_name(name: str) -> str:
    """Return the name of the unit's file. Raises LeakhuntError for what cannot be one."""
    stem = name.removesuffix(".service")
    if not _NAME.fullmatch(stem) or stem.endswith(_ENDINGS) or len(stem) > 200:
        raise LeakhuntError(
            f"{name!r} cannot name a unit: use letters, digits and - _ . : (night-sweep)", slug="unit-name"
        )
    return f"{stem}.service"


def unit_directory(environment: Mapping[str, str]) -> Path:
    """Return where systemd looks for a user's own units."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    return Path(home) / "systemd" / "user"


def unit_text(
    name: str,
    title: str,
    command: Sequence[str],
    directory: Path,
    *,
    grace_seconds: float,
    alert: str | None = None,
) -> str:
    """Return the unit that runs `command` in `directory`, and starts the unit `alert` when it has failed for good.

    Raises LeakhuntError for words that a unit cannot hold.
    """
    return _UNIT.format(
        name=name,
        what=_one_line(title)[:200],
        alert=f"OnFailure={' '.join(alert.split())}\n"
        if alert
        else "",  # %n and its like mean something here
        directory=_one_line(str(directory)),
        command=" ".join(_quoted(word) for word in command),
        stop_seconds=round(grace_seconds + _STOP_MARGIN),
    )


def write_unit(path: Path, text: str, *, force: bool) -> None:
    """Write the unit. Raises LeakhuntError when there is one that says something else, unless `force`."""
    try:
        there = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        there = None
    except (OSError, ValueError):
        there = ""
    if there is not None and there != text and not force:
        raise LeakhuntError(
            f"{path} is there and says something else: --force replaces it", slug="unit-exists"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting = path.with_name(f".{path.name}.{os.getpid()}")
        waiting.write_text(text, encoding="utf-8")
        waiting.replace(path)
    except OSError as error:
        raise LeakhuntError(f"cannot write {path}: {error.strerror}", slug="unit-unwritable") from error


def _one_line(text: str) -> str:
    """Take the meaning that % has for systemd out of a text on one line."""
    return " ".join(text.replace("%", "%%").split())


def _quoted(word: str) -> str:
    """Return one word of a command or an assignment as systemd reads it."""
    if "\n" in word:
        raise LeakhuntError(
            f"{word!r} has a line break, which a unit cannot hold: put it into a file", slug="unit-word"
        )
    safe = word.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./$-]+", safe):
        return safe
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'
