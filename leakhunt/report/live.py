"""What a person sees while the target runs: where its loops stand, memory, its slope, time to the limit.

On a terminal that the target does not write to, a panel that stays in place. Where the target's output
is relayed to the terminal, a few lines below it. Elsewhere (a pipe, a CI log) a plain line now and then,
and only when something changed.
Everything goes to standard error, so that the target's own output stays as it is. A display that
cannot write (closed pipe, full disk) falls silent: it never disturbs the run.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

from leakhunt.findings.diagnosis import Position
from leakhunt.report.text import NAME, SENTENCE, in_ascii, one_line, plain_number, sparkline
from leakhunt.report.wording import STEP, open_loop
from leakhunt.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

Mode = Literal["panel", "below", "lines", "off"]
_REFRESH_SECONDS = 0.25
_COURSE = 240


class PositionLike(Protocol):
    """An open loop: `Position` is one."""

    @property
    def variables(self) -> Sequence[str]: ...
    @property
    def values(self) -> Sequence[Any] | None: ...
    @property
    def number(self) -> int: ...
    @property
    def total(self) -> int | None: ...


class Below(Protocol):
    """The place below the target's output: the supervisor's relay is one."""

    @property
    def width(self) -> int: ...
    @property
    def free(self) -> bool: ...
    def show(self, lines: list[str]) -> None: ...
    def note(self, text: str) -> None: ...


class LiveDisplay:
    """Shows a running target. Call the `on_` methods as things happen, then `close`; none of them raises."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        stream: TextIO | None = None,
        target_shares_terminal: bool | None = None,
        below: Below | None = None,
        every: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Decide how to show it: `target_shares_terminal` None means: look whether stdout is a terminal."""
        self._stream = sys.stderr if stream is None else stream
        self._below = below
        self.mode: Mode = "below" if below is not None else _mode(self._stream, target_shares_terminal)
        if quiet:
            self.mode = "off"
        self._every, self._clock = every, clock
        self._started = self._shown_at = clock()
        self._refreshed_at = float("-inf")
        self._target = ""
        self._loops: list[Position] = []
        self._memory: tuple[float | None, float | None, float | None, float | None] = (None,) * 4
        self._course: list[float | None] = []
        self._last_line = ""
        self._live: Live | None = None

    def __enter__(self) -> LiveDisplay:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def on_start(self, target: str) -> None:
        """The target has been started."""
        self._started = self._shown_at = self._clock()
        self._target = one_line(target, NAME)
        if self.mode == "lines":
            self._write(f"following {self._target}")
        self._show()

    def on_position(self, positions: Sequence[PositionLike], values: Sequence[Any] | None = None) -> None:
        """The loops moved on; `values`, when given, are the current ones of the innermost loop."""
        loops = [Position("", list(at.variables), _texts(at.values), at.number, at.total) for at in positions]
        if loops and values is not None:
            inner = loops[-1]
            loops[-1] = Position("", inner.variables, _texts(values), inner.number, inner.total)
        self._loops = loops
        self._show()

    def on_memory(
        self,
        rss: float | None,
        peak: float | None,
        slope: float | None = None,
        seconds_to_limit: float | None = None,
    ) -> None:
        """Memory was measured: bytes now and at the peak, bytes per second, seconds until the limit."""
        measured = (rss, peak, slope, seconds_to_limit)
        known = [None if number is None else plain_number(number) for number in measured]
        self._memory = (known[0], known[1], known[2], known[3])
        self._course.append(known[0])
        if len(self._course) > _COURSE:
            # Half the points, the same stretch of time: a long run keeps its whole course.
            self._course = self._course[::2]
        self._show()

    def on_note(self, text: str) -> None:
        """Something to say at once: a limit is near, the target was stopped."""
        if self.mode == "panel" and self._live is not None:
            from rich.text import Text

            note = Text(f"leakhunt: {one_line(text, SENTENCE)}")
            self._try(lambda live=self._live: live.console.print(note))  # type: ignore[misc]
        elif self.mode == "below" and self._below is not None:
            line = f"leakhunt: {one_line(text, SENTENCE)}"
            self._below.note(line if _writes_unicode(self._stream) else in_ascii(line))
        elif self.mode != "off":
            self._write(one_line(text, SENTENCE))

    def close(self) -> None:
        """Take the panel away; nothing is shown afterwards."""
        live, self._live = self._live, None
        if live is not None:
            self._try(live.stop)
        if self._below is not None:
            self._below.show([])
        self.mode = "off"

    # ---- plain lines -------------------------------------------------------------------------

    def _show(self) -> None:
        now = self._clock()
        if self.mode == "panel" and now - self._refreshed_at >= _REFRESH_SECONDS:
            self._refreshed_at = now
            self._try(self._refresh)
        elif self.mode == "below" and now - self._refreshed_at >= _REFRESH_SECONDS:
            self._refreshed_at = now
            self._show_below(now)
        elif self.mode == "lines" and now - self._shown_at >= self._every:
            line = progress_line(self._loops, *self._memory)
            if line and line != self._last_line:
                self._shown_at, self._last_line = now, line
                self._write(f"{_elapsed(now - self._started)}: {line}")

    def _write(self, text: str) -> None:
        line = text if _writes_unicode(self._stream) else in_ascii(text)

        def write() -> None:
            self._stream.write(f"leakhunt: {line}\n")
            self._stream.flush()

        self._try(write)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (OSError, ValueError):
            self.mode, self._live = "off", None

    # ---- below the output --------------------------------------------------------------------

    def _show_below(self, now: float) -> None:
        below = self._below
        if below is None or not below.free or not (self._loops or self._course):
            return
        from leakhunt.report.live_lines import lines_below

        title = f"leakhunt  {self._target}"
        elapsed = _elapsed(now - self._started)
        spark = sparkline(self._course, 24)
        memory = memory_text(*self._memory)
        shown = lines_below(self._stream, title, elapsed, self._loops, memory, spark, below.width - 1)
        below.show(shown if _writes_unicode(self._stream) else [in_ascii(line) for line in shown])

    # ---- the panel ---------------------------------------------------------------------------

    def _refresh(self) -> None:
        if self._live is None:
            from rich.live import Live

            from leakhunt.report.console import PlainConsole

            console = PlainConsole(self._stream)
            # No refresh thread (the supervisor starts processes) and no redirection of its streams.
            self._live = Live(
                console=console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(self._panel(), refresh=True)

    def _panel(self) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        loops = Table.grid(padding=(0, 2))
        for depth, at in enumerate(self._loops):
            name = Text("  " * depth + open_loop(at), style="cyan", overflow="ellipsis", no_wrap=True)
            if at.total:
                done = min(max(at.number - 1, 0), at.total)
                loops.add_row(name, ProgressBar(at.total, done, width=24), f"{done / at.total:.0%}")
            else:
                loops.add_row(name, "", "")
        rows: list[RenderableType] = [loops] if self._loops else [Text("no loop seen yet", style="dim")]
        rss, peak, slope, left = self._memory
        memory = Text(memory_text(rss, peak, slope, None))
        if spark := sparkline(self._course, 24):
            memory.append(f"  {spark}", style="blue")
        rows.append(memory)
        if left is not None:
            style = "bold red" if left < 600 else "yellow"
            rows.append(Text(f"at this rate the limit is reached in {format_seconds(left)}", style=style))
        elapsed = _elapsed(self._clock() - self._started)
        return Panel(
            Group(*rows), title=Text(f"leakhunt  {self._target}"), subtitle=Text(elapsed), title_align="left",
            subtitle_align="right", border_style="dim",
        )  # fmt: skip


def progress_line(
    positions: Sequence[Position],
    rss: float | None,
    peak: float | None,
    slope: float | None,
    seconds_to_limit: float | None,
) -> str:
    """Return where the run stands on one line, or nothing where nothing is known."""
    loops = STEP.join(open_loop(at) for at in positions)
    memory = memory_text(rss, peak, slope, seconds_to_limit)
    return "  ".join(part for part in (loops, memory) if part)


def memory_text(
    rss: float | None, peak: float | None, slope: float | None, seconds_to_limit: float | None
) -> str:
    """Return memory now, its peak, its slope per minute and the time to the limit."""
    parts = []
    if rss is not None:
        parts.append(format_bytes(rss) + (f" (peak {format_bytes(peak)})" if peak is not None else ""))
    if slope is not None:
        parts.append(f"{format_bytes(slope * 60, signed=True)} per minute")
    if seconds_to_limit is not None:
        parts.append(f"limit in {format_seconds(seconds_to_limit)}")
    return ", ".join(parts)


def _elapsed(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else format_seconds(whole)


def _texts(values: Sequence[Any] | None) -> list[str] | None:
    return None if values is None else [value if isinstance(value, str) else str(value) for value in values]


def _mode(stream: TextIO, target_shares_terminal: bool | None) -> Mode:
    if target_shares_terminal is None:
        target_shares_terminal = _is_terminal(sys.stdout)
    plain = os.environ.get("TERM", "") in {"dumb", "unknown"} or not _writes_unicode(stream)
    return "panel" if _is_terminal(stream) and not target_shares_terminal and not plain else "lines"


def _writes_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError, OSError):
        return False
