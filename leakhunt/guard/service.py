"""Tells the service manager (systemd) how a supervisor is: ready, alive, what it does, that it ends.

Speaks the sd_notify protocol over the socket that NOTIFY_SOCKET names; without one it says nothing. It has
no thread and no timer: "alive" is said only by whoever completes a turn of the main loop, so that a loop
that is stuck is noticed. Never raises.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from leakhunt.host import boot_clock

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
#: Said at most this often when nothing else is due.
_STATUS_SECONDS = 5.0


class ServiceManager:
    """The service manager that started this process, if one did."""

    def __init__(self, address: str | None = None, watchdog_seconds: float | None = None) -> None:
        self._address = address
        #: How often "alive" must be said: twice as often as it is waited for.
        self.interval = None if watchdog_seconds is None else watchdog_seconds / 2
        self._alive_due = self._status_due = 0.0
        self._status = ""

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> ServiceManager:
        """Return the one that `environment` names, and take it out there: children do not speak for us."""
        given = {name: environment.pop(name, "") for name in _VARIABLES}
        address = given["NOTIFY_SOCKET"]
        if not address:
            return cls()
        watched = given["WATCHDOG_PID"] in ("", str(os.getpid()))
        microseconds = given["WATCHDOG_USEC"]
        seconds = int(microseconds) / 1e6 if watched and microseconds.isdigit() else 0.0
        return cls(address, seconds or None)

    def ready(self, status: str) -> None:
        """Say that the program has been started."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def alive(self, status: str) -> None:
        """Say, when it is due, that the main loop has completed a turn."""
        now = boot_clock()
        parts = []
        if self.interval is not None and now >= self._alive_due:
            self._alive_due = now + self.interval
            parts.append("WATCHDOG=1")
        if status != self._status and now >= self._status_due:
            self._status, self._status_due = status, now + _STATUS_SECONDS
            parts.append(f"STATUS={_line(status)}")
        if parts:
            self._send("\n".join(parts))

    def draining(self, seconds: float) -> None:
        """Say that the program is being ended and may take so long, at which nobody should lose patience."""
        self._send(f"EXTEND_TIMEOUT_USEC={int((seconds + 10.0) * 1e6)}")

    def stopping(self, status: str) -> None:
        """Say that this process is about to end."""
        self._send(f"STOPPING=1\nSTATUS={_line(status)}")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        import socket  # a megabyte, for those alone who were started by a service manager

        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
                connection.setblocking(False)
                connection.sendto(message.encode(), address)
        except (OSError, AttributeError):
            pass  # a manager that does not listen must not cost the run


def _line(text: str) -> str:
    return " ".join(text.split())
