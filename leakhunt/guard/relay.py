"""Gives the target a terminal of its own for its output and passes that on, with a panel kept below it.

Only standard output and error of the target go through here; its standard input, its process group and
its controlling terminal stay the real ones. Bytes are passed on unchanged and at once. The panel stands
one line below the cursor, which never leaves the place where the output stopped: what the terminal
echoes lands where it would without a panel, and one "erase below" takes the panel away.
A thread does it, so that neither a slow look at the process tree holds up the output, nor a terminal
that was halted (Ctrl-S) the supervisor.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from leakhunt.guard.cursor import OutputCursor
from leakhunt.guard.keyboard import waits_for_keys

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None  # type: ignore[assignment]

#: The panel comes back after the output was quiet for this long.
QUIET = 0.3
#: It follows lines of output at once, but no more often than this per second; then it waits for quiet.
_REDRAWS = 25.0
_TICK = 0.1
_LOOK_FOR_READERS = 0.3
_PIECES_OF_A_LINE = 0.1
_PIECE = 65_536
#: More than a pseudo-terminal holds: what the target wrote before its end is among this many bytes.
_HELD_AT_MOST = 262_144
_ERASE = b"\x1b7\x1b[0m\x1b[J\x1b8"
_ROWS_OF_OUTPUT = 4


class Relay:
    """The way of the target's output to the terminal."""

    def __init__(self, terminal: int, master: int, slave: int) -> None:
        self._terminal = terminal
        self._master = master
        #: What the target gets as standard output and standard error.
        self.slave = slave
        self._name = os.ttyname(slave)
        self._modes = self._first_modes = termios.tcgetattr(slave)
        #: Whether keys are passed on: a pager reads them from the terminal that it writes to.
        self._keys = False
        self._looked_at = 0.0
        self._cursor = OutputCursor()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        self._lines: list[bytes] = []
        self._notes: deque[bytes] = deque()
        self._shown: list[bytes] = []
        self._size = os.get_terminal_size(terminal)
        self._output_at = time.monotonic()
        self._redraws, self._redraws_at = _REDRAWS, self._output_at
        self._seen_at = float("-inf")
        self._nothing_more = self._stopping = False

    # ---- the supervisor's side ---------------------------------------------------------------

    @property
    def width(self) -> int:
        """The number of columns of the terminal."""
        return self._size.columns

    @property
    def free(self) -> bool:
        """Whether a panel would be seen now."""
        return bool(self._shown) or self._room()

    def start(self) -> None:
        """Begin to pass output on: the target has been started and holds the other side."""
        os.close(self.slave)
        self.slave = -1
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)
        self._thread.start()

    def show(self, lines: list[str]) -> None:
        """Show these lines below the output as soon as that is possible; none: no panel any more."""
        self._lines = [line.encode("utf-8", "replace") for line in lines]
        self._wake()

    def note(self, text: str) -> None:
        """Say something on a line of its own among the output."""
        self._notes.append(text.encode("utf-8", "replace") + b"\n")
        if self._thread is None:
            self._tell_notes()
        self._wake()

    def resized(self) -> None:
        """Give the target's terminal the size of the real one, and tell the target after that."""
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(self._terminal)
            if size == self._size:
                return
            self._size = size
            _copy_size(self._terminal, self._master)
            # The real terminal's own SIGWINCH came too early: it found the old size here.
            os.killpg(os.getpgrp(), signal.SIGWINCH)
            self._wake()

    def suspend(self) -> None:
        """Take the panel away before this process stops (Ctrl-Z)."""
        if self._lock.acquire(timeout=0.5):
            try:
                self._write(self._hidden())
                self._output_at = time.monotonic()
            finally:
                self._lock.release()

    def finish(self, give_up: Callable[[], bool]) -> None:
        """Pass on all that is left and take the panel away; `give_up` is asked now and then."""
        self._lines = []
        self._stopping = True
        self._wake()
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.05)
            if give_up():
                return

    def close(self) -> None:
        """Let go of the terminal; children of the target that still write to it keep a way to do so."""
        if self._thread is not None and self._thread.is_alive():
            return  # it hangs on a halted terminal, and ends with this process
        self._thread = None
        if not self._nothing_more and self.slave == -1:
            _pass_on_without_us(self._master, self._terminal)
            self._nothing_more = True
        for descriptor in (self._master, self.slave, self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._master = self.slave = self._wake_read = self._wake_write = -1

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")

    # ---- the thread's side -------------------------------------------------------------------

    def _work(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            # Every signal is the supervisor's; SIGTTOU would stop a program whose modes are copied.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._follow()
        except Exception:  # a target whose output nobody takes would stand still
            self._shown = []
            _pass_on_without_us(self._master, self._terminal)
            self._nothing_more = True

    def _follow(self) -> None:
        left = _HELD_AT_MOST
        while True:
            stopping = self._stopping
            sources = [self._wake_read] if self._nothing_more else [self._wake_read, self._master]
            if self._keys and self._foreground():
                sources.append(self._terminal)
            ready, _, _ = select.select(sources, [], [], 0 if stopping else _TICK)
            if self._wake_read in ready:
                with contextlib.suppress(OSError):
                    os.read(self._wake_read, 4096)
            if self._terminal in ready:
                with contextlib.suppress(OSError):
                    os.write(self._master, os.read(self._terminal, 1024))
            data = self._take() if not self._nothing_more and self._master in ready else b""
            with self._lock:
                self._copy_modes()
                if data:
                    self._pass_on(data)
                self._tell_notes()
                self._refresh()
            left -= len(data) if stopping else 0
            if stopping and (not data or left <= 0):
                return

    def _take(self) -> bytes:
        """Return what is there now, many small writes as one piece."""
        pieces: list[bytes] = []
        size = 0
        while size < _PIECE:
            try:
                piece = os.read(self._master, _PIECE)
            except OSError:  # nobody holds the other side any more
                piece = b""
            if not piece:
                self._nothing_more = True
                break
            pieces.append(piece)
            size += len(piece)
            if not select.select([self._master], [], [], 0)[0]:
                break
        return b"".join(pieces)

    def _pass_on(self, data: bytes) -> None:
        self._output_at = now = time.monotonic()
        self._cursor.feed(data)
        if self._shown:
            self._seen_at = now
        # A line may come in pieces: the panel that went for the first comes back with the last.
        stays = now - self._seen_at <= _PIECES_OF_A_LINE and self._cursor.free and self._may_redraw(now)
        self._write(self._hidden() + data + (self._drawn() if stays else b""))

    def _may_redraw(self, now: float) -> bool:
        self._redraws = min(_REDRAWS, self._redraws + (now - self._redraws_at) * _REDRAWS)
        self._redraws_at = now
        if self._redraws < 1:
            return False
        self._redraws -= 1
        return True

    def _tell_notes(self) -> None:
        while self._notes:
            start = b"" if self._cursor.free else b"\r\n"
            note = self._notes.popleft()
            self._cursor.feed(start + note)
            self._write(self._hidden() + start + note)

    def _room(self) -> bool:
        quiet = time.monotonic() - self._output_at >= QUIET
        return quiet and self._cursor.free and not self._stopping and self._foreground()

    def _refresh(self) -> None:
        """Draw the panel where there is room for it now, if it is another one than is seen."""
        if self._shown and (not self._lines or not self._foreground()):
            self._write(self._hidden())
        elif self._lines and self._lines != self._shown and (self._shown or self._room()):
            self._write(self._drawn())

    def _drawn(self) -> bytes:
        """Return what draws the panel (over the one that is seen) and leaves the cursor where it is."""
        lines = self._lines
        if not lines or len(lines) + _ROWS_OF_OUTPUT > self._size.lines:
            return self._hidden()
        self._shown = lines
        room = b"\x1bD" * len(lines) + b"\x1b[%dA" % len(lines)
        drawn = b"\x1b[0m\x1b[K".join(b"\x1b[B\r" + line for line in lines)
        # The first line that is erased held the old panel, if somebody has pressed Enter meanwhile.
        return room + b"\x1b7\x1b[0m\x1b[K" + drawn + b"\x1b[0m\x1b[J\x1b8"

    def _hidden(self) -> bytes:
        """Return what takes the panel away, nothing where there is none."""
        if not self._shown:
            return b""
        self._shown = []
        return _ERASE

    def _foreground(self) -> bool:
        """Whether the terminal is ours: behind a shell's prompt nothing may be drawn."""
        try:
            return os.tcgetpgrp(self._terminal) == os.getpgrp()
        except OSError:
            return True

    def _look_for_readers(self, modes: list[Any]) -> None:
        """Begin to pass keys on when somebody who asked for single keys waits for them on this side."""
        now = time.monotonic()
        if modes[3] == self._first_modes[3]:
            self._keys = False
        elif not self._keys and now - self._looked_at >= _LOOK_FOR_READERS:
            self._looked_at = now
            self._keys = waits_for_keys(self._name)

    def _copy_modes(self) -> None:
        """Do to the real terminal what the target did to its own (no echo, single keys): curses does."""
        with contextlib.suppress(OSError, termios.error):
            modes = termios.tcgetattr(self._master)
            self._look_for_readers(modes)
            if modes == self._modes or not self._foreground():
                return
            real = termios.tcgetattr(self._terminal)
            for kind in range(4):
                changed = modes[kind] ^ self._modes[kind]
                if kind == 1:
                    changed &= ~termios.OPOST  # off on that side from the beginning
                real[kind] = (real[kind] & ~changed) | (modes[kind] & changed)
            for at, character in enumerate(modes[6]):
                if character != self._modes[6][at]:
                    real[6][at] = character
            self._modes = modes
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, real)

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._terminal, data) :]
            except BlockingIOError:
                select.select([], [self._terminal], [], 1.0)
            except OSError:  # the terminal is gone: the target is to find that out too
                self._nothing_more = True
                with contextlib.suppress(OSError):
                    os.close(self._master)
                self._master = -1
                return


def open_relay() -> Relay | None:
    """Return a relay where output and errors go to the same capable terminal; else None: leave it be."""
    if termios is None or not sys.platform.startswith(("linux", "darwin")):
        return None
    if os.environ.get("TERM", "") in {"", "dumb", "unknown"}:
        return None
    try:
        if not (os.isatty(1) and os.isatty(2)):
            return None
        ours = os.fstat(2)
        if not stat.S_ISCHR(ours.st_mode) or os.fstat(1).st_rdev != ours.st_rdev:
            return None
        size = os.get_terminal_size(2)
        if size.columns < 20 or size.lines < 2 * _ROWS_OF_OUTPUT:
            return None
        master, slave = os.openpty()
    except OSError:
        return None
    try:
        modes = termios.tcgetattr(2)
        modes[1] &= ~termios.OPOST  # the real terminal does that
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        _copy_size(2, slave)
        return Relay(2, master, slave)
    except (OSError, termios.error):
        os.close(master)
        os.close(slave)
        return None


def _copy_size(source: int, target: int) -> None:
    fcntl.ioctl(target, termios.TIOCSWINSZ, fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8)))


def _pass_on_without_us(master: int, terminal: int) -> None:
    """Leave a `cat` behind for what children of the target still write; it ends with the last of them."""
    cat = shutil.which("cat")
    if cat is None:
        return
    actions = [
        (os.POSIX_SPAWN_DUP2, master, 0),
        (os.POSIX_SPAWN_DUP2, terminal, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    with contextlib.suppress(OSError):
        os.posix_spawn(cat, [cat], dict(os.environ), file_actions=actions)
