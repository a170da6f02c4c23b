"""A terminal with a relayed target on it, seen from the other side: keys in, bytes out."""

from __future__ import annotations

import fcntl
import os
import re
import select
import shlex
import struct
import subprocess
import sys
import termios
import textwrap
import time
from pathlib import Path

RELAYED = Path(__file__).parent / "relayed.py"
ERASED = b"\x1b7\x1b[0m\x1b[J\x1b8"
DRAWN = re.compile(rb"(?:\x1bD)+\x1b\[\d+A\x1b7\x1b\[0m(.*?)\x1b\[0m\x1b\[J\x1b8", re.DOTALL)
REPORT = b"THE REPORT"


class Terminal:
    """One target, supervised, on a terminal that the test holds the other side of."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._master, self._slave = os.openpty()
        self.resize(24, 100)
        modes = termios.tcgetattr(self._slave)
        modes[1] &= ~termios.OPOST  # bytes are compared
        termios.tcsetattr(self._slave, termios.TCSANOW, modes)
        self.seen = b""
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self, code: str, *, shell: str = "exec {}", term: str = "xterm-256color", whole: bool = False
    ) -> None:
        """Run `code` through the relay; `shell` is a command line in which {} stands for doing that.

        `whole` takes the real command, with the agent in the target and the real report.
        """
        (self.directory / "target.py").write_text(textwrap.dedent(code))
        relayed = ["-m", "leakhunt", "profile", "--home", "home"] if whole else [str(RELAYED), "home"]
        command = shlex.join([sys.executable, *relayed, "target.py"])
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", shell.replace("{}", command)],
            cwd=self.directory,
            env={**os.environ, "TERM": term, "PYTHONUTF8": "1"},
            stdin=self._slave, stdout=self._slave, stderr=self._slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait_for(self, sign: bytes, times: int = 1) -> None:
        """Read what is written to the terminal until `sign` has been seen."""
        deadline = time.monotonic() + 60
        while self.seen.count(sign) < times:
            assert time.monotonic() < deadline, f"no {sign!r} in {self.seen[-3000:]!r}"
            self._read(0.1)

    def finish(self) -> int:
        """Read to the end of the supervisor and return its exit code."""
        assert self.process is not None
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it hangs: {self.seen[-3000:]!r}"
            self._read(0.1)
        while self._read(0.2):
            pass
        return self.process.returncode

    def _read(self, timeout: float) -> bool:
        if not select.select([self._master], [], [], timeout)[0]:
            return False
        self.seen += os.read(self._master, 65_536)
        return True

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    @property
    def panels(self) -> list[str]:
        """What was drawn as a panel, without colours and movements."""
        return [re.sub(rb"\x1b\[[0-9;]*[a-zA-Z]", b"", found).decode() for found in DRAWN.findall(self.seen)]

    @property
    def output(self) -> bytes:
        """What was written before the report and was not the panel's."""
        return DRAWN.sub(b"", self.seen).replace(ERASED, b"").partition(REPORT)[0]

    @property
    def report(self) -> bytes:
        return self.seen.partition(REPORT)[2]
